"""The static snapshot below a view, for where no widget can run."""
