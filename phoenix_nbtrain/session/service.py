"""What the live state needs of a Phoenix; any client that has it will do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from phoenix_nbtrain.errors import (
    PASSING,
    AuthenticationFailed,
    CoolingDown,
    InputError,
    PhoenixError,
)
from phoenix_nbtrain.launch import LaunchClient
from phoenix_nbtrain.records import Asset, Download, Model, TrainingImage, TrainingPair
from phoenix_nbtrain.text import shown

ASSETS_PER_CALL = 10
"""Most asset ids that one call adds to a dataset (SDK)."""
ENDING = (*PASSING, AuthenticationFailed, CoolingDown)
"""Failures that say nothing of the one row they met: no row is refused for them."""
REASON_MAX = 200
"""Characters of why a row was refused."""


class Service(LaunchClient, Protocol):
    """A Phoenix, as the training layer sees it."""

    @property
    def where(self) -> str: ...

    def create_model(self, *, name: str, type: str) -> Model: ...
    def list_models(self, *, status: str | None = None) -> Iterator[Model]: ...
    def get_models(self, ids: Sequence[str]) -> tuple[Model, ...]: ...
    def update_model(
        self,
        model_id: str,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Model: ...
    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]: ...
    def replace_training_image(
        self, model_id: str, training_image_id: str, *, asset_id: str
    ) -> TrainingImage: ...
    def delete_training_image(self, model_id: str, training_image_id: str) -> None: ...
    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]: ...
    def upload_image(
        self,
        name: str,
        content: bytes,
        *,
        upload_id: str | None = None,
        begun: Callable[[str], None] | None = None,
    ) -> Asset: ...
    def import_image(
        self,
        url: str,
        *,
        upload_id: str | None = None,
        begun: Callable[[str], None] | None = None,
    ) -> Asset: ...
    def get_asset(self, asset_id: str) -> Asset: ...
    def get_assets(self, ids: Sequence[str]) -> tuple[Asset, ...]: ...
    def update_asset(self, asset_id: str, *, description: str) -> Asset: ...
    def fetch(self, url: str) -> bytes: ...
    def get_download(self, job_id: str) -> Download: ...
    def fetch_to(self, url: str, path: Path) -> int: ...


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
            f"{shown(client)} is not a Phoenix client.",
            remedy="Pass what nbt.connect() returned, or leave it out.",
        )
    return client


def reason(error: PhoenixError) -> str:
    """Return why a row was refused, in the length that rows take."""
    return str(error)[:REASON_MAX]
