"""The thin client: one method per endpoint, sync httpx in, frozen records out."""
