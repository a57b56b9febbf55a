"""What the account and the catalog hold, as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from phoenix_nbtrain import catalog
from phoenix_nbtrain.training.service import Service

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["model_types", "models"]


def model_types() -> pd.DataFrame:
    """Return the trainable model types: family, what they learn from, parameter ranges."""
    import pandas as pd

    rows = [
        {
            "type": kind.name,
            "family": kind.family,
            "learns_from": "pairs" if kind.pairs else "images",
            "legacy": kind.legacy,
            "epochs": catalog.parameters(kind.name)["epochs"].range,
            "rank": catalog.parameters(kind.name)["rank"].range,
        }
        for kind in catalog.MODEL_TYPES.values()
    ]
    return pd.DataFrame(rows).set_index("type")


def models(client: Service | None = None) -> pd.DataFrame:
    """Return the account's models: id, name, type, status, number of training images."""
    import pandas as pd

    if client is None:
        from phoenix_nbtrain.client.connect import default_client

        client = default_client()
    columns = ["model_id", "name", "type", "status", "images", "created_at"]
    rows = [
        (m.id, m.name, m.type, m.status, m.training_images_number, m.created_at)
        for m in client.list_models()
    ]
    return pd.DataFrame(rows, columns=columns).set_index("model_id")
