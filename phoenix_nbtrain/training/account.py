"""What the account and the catalog hold, as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phoenix_nbtrain import catalog
from phoenix_nbtrain.errors import InputError, shown
from phoenix_nbtrain.training.service import Service

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["asked", "model_types", "models"]

_RANGES = ("epochs", "repeats", "batch_size", "learning_rate", "rank")
"""The parameters whose ranges a table of types has room for."""


def model_types() -> pd.DataFrame:
    """Return the trainable model types: family, what they learn from, parameter ranges."""
    import pandas as pd

    rows = [
        {
            "type": kind.name,
            "family": kind.family,
            "learns_from": "pairs" if kind.pairs else "images",
            "legacy": kind.legacy,
            **{name: _range(kind.name, name) for name in _RANGES},
        }
        for kind in catalog.MODEL_TYPES.values()
    ]
    return pd.DataFrame(rows).set_index("type")


def _range(type: str, name: str) -> str:
    parameter = catalog.parameters(type).get(name)
    return parameter.range if parameter is not None else ""


def models(client: Service | None = None) -> pd.DataFrame:
    """Return the account's models.

    Args:
        client: the Phoenix to use instead of the connected one.

    Returns:
        One row per model, indexed by ``model_id``: name, type, status, its number of training
        ``images`` and ``created_at``, a UTC timestamp, missing where the service tells none.

    Raises:
        InputError: ``client`` is none.
    """
    import pandas as pd

    client = asked(client)
    columns = ["model_id", "name", "type", "status", "images", "created_at"]
    rows = [
        (m.id, m.name, m.type, m.status, m.training_images_number, m.created_at)
        for m in client.list_models()
    ]
    frame = pd.DataFrame(rows, columns=columns)
    frame["created_at"] = pd.to_datetime(
        frame["created_at"], utc=True, errors="coerce", format="ISO8601"
    )
    return frame.set_index("model_id")


def asked(client: Service | None) -> Service:
    """Return the Phoenix to ask: ``client``, else the connected one.

    Raises:
        InputError: something else was given.
    """
    if client is None:
        from phoenix_nbtrain.client.connect import default_client

        return default_client()
    if not callable(getattr(client, "list_models", None)):
        raise InputError(
            f"{shown(client)} is no Phoenix.",
            remedy="Give what nbt.connect() returned, or nothing.",
        )
    return client
