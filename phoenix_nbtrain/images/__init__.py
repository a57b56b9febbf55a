"""Image files: what they claim to be, their metadata, and decoding at a distance."""
