"""What trains in the local Phoenix."""
