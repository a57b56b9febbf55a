"""The image picker: a folder, files or a zip of the kernel's computer, added to the draft."""
