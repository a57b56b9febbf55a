"""Views of a training: traits and typed messages only, nothing that `Training` does not hold."""
