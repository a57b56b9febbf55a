"""Rows as the JSON that the service sends. Only documented fields appear."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from phoenix_nbtrain.catalog import MODEL_TYPES
from phoenix_nbtrain.local.pricing import Bill, number
from phoenix_nbtrain.local.rows import DOWNLOAD, image_rows, iso, pair_rows
from phoenix_nbtrain.local.store import Store

TEAM = "team_local"
PROJECT = "proj_local"
OWNER = PROJECT
"""Who owns what there is: the one project."""
AUTHOR = "user_local"
PART_SECONDS = 900
"""How long an upload's part can be sent to its address; reading the upload gives a fresh one."""
_FIRST_IMAGES = 3
"""Training images that a list of models shows of each."""


@dataclass(frozen=True, slots=True)
class Replies:
    """Writes replies for one request."""

    store: Store
    base: str
    """The request's own address up to the host, without a slash, for signed URLs."""

    def url(self, asset_id: str) -> str:
        """Return a signed address of an asset's bytes."""
        return self.signed(f"assets/{asset_id}")

    def signed(self, path: str, *, expires: int | None = None) -> str:
        """Return the address of a path below ``/v1/storage/``, good without credentials."""
        return f"{self.base}/v1/storage/{path}?{self.store.sign(path, expires=expires)}"

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
        job_id = row["job_id"]
        body = {
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
        return body | _said(
            shortDescription=row["short_description"],
            trainingProgress=row["progress"] and self._progress(connection, row),
            deletedAt=row["deleted_at"],
            trainingStats=row["stats"] and json.loads(row["stats"]),
            jobId=job_id,
            epochs=job_id and self._epochs(connection, job_id),
            epoch=row["epoch"],
        )

    @staticmethod
    def job(row: sqlite3.Row) -> dict[str, Any]:
        """Write a job."""
        given = {"modelId": row["model_id"]}
        if row["type"] == DOWNLOAD:
            given |= json.loads(row["work"])["given"]
        metadata = {"input": given, "output": json.loads(row["output"])}
        metadata |= _said(error=row["error"], hint=row["hint"])
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
            "billing": {
                "cuCost": number(Decimal(row["cost"])),
                "cuDiscount": number(Decimal(row["discount"])),
            },
        }

    @staticmethod
    def cost(bill: Bill, action: str = "train-model") -> dict[str, Any]:
        """Write a dry run's answer: these three keys and no other.

        The details sum to the cost; an action that is free does not appear.
        """
        cost = number(bill.cost)
        return {
            "creativeUnitsCost": cost,
            "creativeUnitsDiscount": number(bill.discount),
            "costDetails": {action: cost} if cost else {},
        }

    def upload(self, row: sqlite3.Row) -> dict[str, Any]:
        """Write an upload."""
        body = {
            "id": row["id"],
            "status": row["status"],
            "kind": "image",
            "source": row["source"],
            "fileName": row["file_name"],
            "ownerId": OWNER,
            "authorId": AUTHOR,
            "createdAt": row["created_at"],
            "updatedAt": row["updated_at"],
        }
        sent_in_parts = row["source"] == "multipart" and row["status"] == "pending"
        return body | _said(
            originalFileName=row["file_name"],
            contentType=row["content_type"],
            fileSize=row["file_size"],
            partsCount=row["parts_count"],
            url=row["url"],
            entityId=row["entity_id"],
            errorMessage=row["error"],
            parts=sent_in_parts and self._parts(row),
        )

    def _parts(self, row: sqlite3.Row) -> list[dict[str, Any]]:
        expires = int(time.time()) + PART_SECONDS
        parts = []
        for part in range(1, row["parts_count"] + 1):
            url = self.signed(f"uploads/{row['id']}/{part}", expires=expires)
            parts.append({"number": part, "url": url, "expires": iso(expires)})
        return parts

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


def _said(**fields: Any) -> dict[str, Any]:
    """Return the fields that say something; the service leaves out the others."""
    return {name: value for name, value in fields.items() if value}
