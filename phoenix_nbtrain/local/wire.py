"""Rows as the JSON that the service sends. Only documented fields appear."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.local.pricing import number
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.tables import image_rows, pair_rows

__all__ = ["OWNER", "PROJECT", "TEAM", "Wire"]

TEAM = "team_local"
PROJECT = "proj_local"
OWNER = PROJECT
"""Who owns what there is: the one project."""
AUTHOR = "user_local"
_FIRST_IMAGES = 3
"""Training images that a list of models shows of each."""


@dataclass(frozen=True, slots=True)
class Wire:
    """Writes replies for one request."""

    store: Store
    base: str
    """The request's own address up to the host, without a slash, for signed URLs."""

    def url(self, asset_id: str) -> str:
        """Return a signed address of an asset's bytes."""
        path = f"assets/{asset_id}"
        return f"{self.base}/v1/storage/{path}?{self.store.sign(path)}"

    def asset(self, row: sqlite3.Row) -> dict[str, Any]:
        """Write an asset."""
        size = {"width": row["width"], "height": row["height"], "size": row["size"]}
        kind = {"kind": "image", "type": row["source"], "name": row["name"]}
        return {
            "id": row["id"],
            "url": self.url(row["id"]),
            "mimeType": row["mime"],
            "kind": "image",
            "source": row["source"],
            "status": "success",
            "privacy": "private",
            "tags": [],
            "collectionIds": [],
            "editCapabilities": [],
            "ownerId": OWNER,
            "authorId": AUTHOR,
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
            "metadata": {**json.loads(row["metadata"]), **kind, **size},
            "properties": size,
            "description": row["description"],
            "automaticCaptioning": row["automatic"],
        }

    def image(self, row: sqlite3.Row) -> dict[str, Any]:
        """Write a training image; ``row`` is one of `image_rows`."""
        return {
            "id": row["id"],
            "name": row["name"],
            "description": row["description"],
            "automaticCaptioning": row["automatic"],
            "downloadUrl": self.url(row["id"]),
            "createdAt": row["attached_at"],
        }

    @staticmethod
    def pair(row: sqlite3.Row) -> dict[str, Any]:
        """Write a pair."""
        return {
            "sourceId": row["source_id"],
            "targetId": row["target_id"],
            "instruction": row["instruction"],
        }

    def model(
        self, connection: sqlite3.Connection, row: sqlite3.Row, *, listed: bool = False
    ) -> dict[str, Any]:
        """Write a model; ``listed`` where it is a row of a list."""
        model_id = row["id"]
        kind = MODEL_TYPES.get(row["type"])
        images = image_rows(connection, model_id, limit=_FIRST_IMAGES if listed else -1)
        count = connection.execute(
            "SELECT count(*) FROM training_images WHERE model_id = ?", (model_id,)
        ).fetchone()[0]
        body: dict[str, Any] = {
            "id": model_id,
            "name": row["name"],
            "type": row["type"],
            "status": row["status"],
            "source": "scenario",
            "privacy": "private",
            "custom": True,
            "capabilities": ["img2img"] if kind is not None and kind.pairs else ["txt2img"],
            "tags": [],
            "collectionIds": [],
            "exampleAssetIds": [],
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
            "ownerId": OWNER,
            "authorId": AUTHOR,
            "trainingImagesNumber": count,
            "trainingImages": [self.image(image) for image in images],
            "trainingImagePairs": [self.pair(pair) for pair in pair_rows(connection, model_id)],
            "parameters": json.loads(row["parameters"]),
        }
        if row["short_description"]:
            body["shortDescription"] = row["short_description"]
        if row["progress"]:
            body["trainingProgress"] = self._progress(connection, row)
        if row["stats"]:
            body["trainingStats"] = json.loads(row["stats"])
        if row["job_id"]:
            body["jobId"] = row["job_id"]
            epochs = self._epochs(connection, row["job_id"])
            if epochs:
                body["epochs"] = epochs
        if row["epoch"]:
            body["epoch"] = row["epoch"]
        return body

    @staticmethod
    def job(row: sqlite3.Row) -> dict[str, Any]:
        """Write a job."""
        metadata: dict[str, Any] = {
            "input": {"modelId": row["model_id"]},
            "output": json.loads(row["output"]),
        }
        if row["error"]:
            metadata["error"] = row["error"]
        if row["hint"]:
            metadata["hint"] = row["hint"]
        return {
            "jobId": row["id"],
            "jobType": row["type"],
            "status": row["status"],
            "progress": row["progress"],
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
            "ownerId": OWNER,
            "authorId": AUTHOR,
            "statusHistory": json.loads(row["history"]),
            "metadata": metadata,
            "billing": {"cuCost": number(Decimal(row["cost"])), "cuDiscount": 0},
        }

    @staticmethod
    def cost(amount: Decimal) -> dict[str, Any]:
        """Write a dry run's answer: these three keys and no other."""
        return {
            "creativeUnitsCost": number(amount),
            "creativeUnitsDiscount": 0,
            "costDetails": {"train-model": number(amount)},
        }

    def _epochs(self, connection: sqlite3.Connection, job_id: str) -> list[dict[str, Any]]:
        rows = connection.execute(
            "SELECT epoch, asset_ids FROM epochs WHERE job_id = ? ORDER BY epoch", (job_id,)
        )
        return [
            {
                "epoch": str(row["epoch"]),
                "assets": [
                    {"assetId": asset_id, "url": self.url(asset_id)}
                    for asset_id in json.loads(row["asset_ids"])
                ],
            }
            for row in rows
        ]

    @staticmethod
    def _progress(connection: sqlite3.Connection, row: sqlite3.Row) -> Mapping[str, Any]:
        progress: dict[str, Any] = json.loads(row["progress"])
        if progress["stage"] == "queued-for-train":
            # Counted when asked, as the jobs ahead end without a word to those behind them.
            progress["position"] = connection.execute(
                "SELECT count(*) FROM unfinished WHERE number <"
                " (SELECT number FROM jobs WHERE id = ?)",
                (row["job_id"],),
            ).fetchone()[0]
        return progress
