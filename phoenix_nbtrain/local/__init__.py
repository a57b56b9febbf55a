"""The local Phoenix: the service's training part, whole, on this computer and free of charge."""
