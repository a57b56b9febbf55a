"""This computer's memory: the journal of money and models, the drafts, the pictures."""
