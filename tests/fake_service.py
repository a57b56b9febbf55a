"""A Phoenix in memory, for tests of what talks to one. It counts, and fails on request."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from threading import Lock
from typing import Any

from phoenix_nbtrain.errors import NotFound, ServiceError
from phoenix_nbtrain.records import (
    Asset,
    Job,
    LaunchReply,
    Model,
    Quote,
    TrainingImage,
    TrainingPair,
)

Fault = Callable[[], None]


class FakeService:
    """Does what it is asked, at once. ``before`` and ``after`` hold faults by method name."""

    def __init__(self, *, is_local: bool = False) -> None:
        self.origin = "https://phoenix.test/v1"
        self.project_id: str | None = None
        self.is_local = is_local
        self.price = Decimal(1080)
        self.calls: list[str] = []
        self.before: dict[str, Fault] = {}
        """Raise before anything happened."""
        self.after: dict[str, Fault] = {}
        """Raise after it happened: the reply is lost."""
        self.models: dict[str, Model] = {}
        self.assets: dict[str, Asset] = {}
        self.jobs: dict[str, Job] = {}
        self.launches: list[Mapping[str, Any]] = []
        self._numbers = itertools.count(1)
        self._lock = Lock()

    @property
    def unit(self) -> str:
        return "simulated CU" if self.is_local else "CU"

    @property
    def where(self) -> str:
        return "Local Phoenix · nothing is charged" if self.is_local else "Hosted Phoenix"

    def count(self, name: str) -> int:
        return self.calls.count(name)

    def _did(self, name: str) -> None:
        with self._lock:
            self.calls.append(name)
        if name in self.before:
            self.before[name]()

    def _done(self, name: str) -> None:
        if name in self.after:
            self.after[name]()

    def _put(self, model: Model, **changes: Any) -> Model:
        with self._lock:
            self.models[model.id] = replace(self.models[model.id], **changes)
            return self.models[model.id]

    def create_model(self, *, name: str, type: str) -> Model:
        self._did("create_model")
        model = Model(id=f"model_{next(self._numbers)}", name=name, type=type, status="new")
        self.models[model.id] = model
        self._done("create_model")
        return model

    def get_model(self, model_id: str) -> Model:
        self._did("get_model")
        if model_id not in self.models:
            raise NotFound(f"Model {model_id} not found.", status=404)
        model = self.models[model_id]
        images = tuple(
            replace(i, description=self.assets[i.id].description) for i in model.training_images
        )
        return replace(model, training_images=images, training_images_number=len(images))

    def list_models(self, *, status: str | None = None) -> Iterator[Model]:
        self._did("list_models")
        return iter(list(self.models.values()))

    def update_model(
        self,
        model_id: str,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Model:
        self._did("update_model")
        model = self.get_model(model_id)
        changes: dict[str, Any] = {}
        if name is not None:
            changes["name"] = name
        if parameters is not None:
            changes["parameters"] = dict(parameters)
        return self._put(model, **changes)

    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]:
        self._did("add_training_images")
        if len(asset_ids) > 10:
            raise ServiceError("Too many assetIds provided in a single request.", status=400)
        there = {i.id for i in self.models[model_id].training_images}
        if there & set(asset_ids):
            raise ServiceError(
                "The provided assetId is already a training image of this model.", status=400
            )
        added = tuple(TrainingImage(id=i, name=self.assets[i].name) for i in asset_ids)
        model = self.models[model_id]
        self._put(model, training_images=model.training_images + added)
        self._done("add_training_images")
        return added

    def replace_training_image(
        self, model_id: str, training_image_id: str, *, asset_id: str
    ) -> TrainingImage:
        self._did("replace_training_image")
        return TrainingImage(id=asset_id)

    def delete_training_image(self, model_id: str, training_image_id: str) -> None:
        self._did("delete_training_image")
        model = self.models[model_id]
        left = tuple(i for i in model.training_images if i.id != training_image_id)
        if left == model.training_images:
            raise NotFound("No such training image.", status=404)
        self._put(model, training_images=left)

    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]:
        self._did("replace_pairs")
        self._put(self.models[model_id], training_image_pairs=tuple(pairs))
        self._done("replace_pairs")
        return tuple(pairs)

    def quote_training(self, model_id: str, parameters: Mapping[str, Any]) -> Quote | LaunchReply:
        self._did("quote_training")
        return Quote(amount=self.price, details={"train-model": self.price})

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        self._did("trigger_training")
        model = self.models[model_id]
        if model.status == "training":
            raise ServiceError("Model is already training.", status=400)
        job = Job(id=f"job_{next(self._numbers)}", status="queued")
        self.jobs[job.id] = job
        self.launches.append(dict(parameters))
        model = self._put(model, status="training", job_id=job.id)
        self._done("trigger_training")
        return LaunchReply(outcome="launched", job=job, model=model, cost=self.price)

    def cancel_training(self, model_id: str) -> Model:
        self._did("cancel_training")
        return self.finish(model_id, "training-canceled")

    def get_job(self, job_id: str) -> Job:
        self._did("get_job")
        if job_id not in self.jobs:
            raise NotFound("No such job.", status=404)
        return self.jobs[job_id]

    def upload_image(self, name: str, content: bytes) -> Asset:
        self._did("upload_image")
        asset = Asset(id=f"asset_{next(self._numbers)}", name=name, size=len(content))
        self.assets[asset.id] = asset
        self._done("upload_image")
        return asset

    def get_asset(self, asset_id: str) -> Asset:
        self._did("get_asset")
        return self.assets[asset_id]

    def update_asset(self, asset_id: str, *, description: str) -> Asset:
        self._did("update_asset")
        self.assets[asset_id] = replace(self.assets[asset_id], description=description)
        self._done("update_asset")
        return self.assets[asset_id]

    def fetch(self, url: str) -> bytes:
        self._did("fetch")
        raise ServiceError("Nothing is served in memory.", status=404)

    def finish(self, model_id: str, status: str = "trained") -> Model:
        """End the model's run, as the service does by itself."""
        ends = {"trained": "success", "failed": "failure", "training-canceled": "canceled"}
        model = self.models[model_id]
        if model.job_id is not None:
            self.jobs[model.job_id] = replace(self.jobs[model.job_id], status=ends[status])
        return self._put(model, status=status)
