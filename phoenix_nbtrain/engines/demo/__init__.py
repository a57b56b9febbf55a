"""The demo trainer: a patch trainer in numpy, for trying the workflow. It is no image model."""
