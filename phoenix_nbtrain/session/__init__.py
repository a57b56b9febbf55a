"""The live state of one model's training, behind `Training` and the views."""
