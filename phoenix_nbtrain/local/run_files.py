"""The files of a run: written by its training, handed out by downloads."""

from __future__ import annotations

from pathlib import Path

from phoenix_nbtrain.local.store import Store

__all__ = ["adapter_path", "aside_path", "bring_back", "checkpoint_path"]


def checkpoint_path(store: Store, job_id: str) -> Path:
    """Return where a job's state is kept while it runs."""
    return store.run_dir(job_id) / "checkpoint.safetensors"


def aside_path(store: Store, job_id: str) -> Path:
    """Return where a job's state is while its end is written down, out of its folder."""
    return store.run_dir(job_id).with_suffix(".checkpoint")


def bring_back(store: Store) -> None:
    """Put states into their folders again that a process left aside which was killed just then."""
    for aside in store.run_dir("job").parent.glob("*.checkpoint"):
        aside.replace(checkpoint_path(store, aside.stem))


def adapter_path(store: Store, job_id: str, epoch: int | None = None) -> Path:
    """Return where a job's weights are: those of an epoch, or the last ones."""
    name = "adapter" if epoch is None else f"adapter-epoch-{epoch:04}"
    return store.run_dir(job_id) / f"{name}.safetensors"
