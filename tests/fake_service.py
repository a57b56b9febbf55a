"""A Phoenix in memory, for tests of what talks to one. It counts, and fails on request."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from threading import Lock
from typing import Any

from phoenix_nbtrain.client.replies import Reply
from phoenix_nbtrain.errors import (
    ImageError,
    NotFound,
    PlanLimitReached,
    ServiceError,
    ServiceUnreachable,
)
from phoenix_nbtrain.images.header import inspect
from phoenix_nbtrain.records import (
    Asset,
    Download,
    Job,
    LaunchReply,
    Model,
    Project,
    Quote,
    TeamLimits,
    TrainingImage,
    TrainingPair,
    Upload,
    UploadPart,
)

Fault = Callable[[], object] | BaseException
"""What meets a call: an error that is raised, or something that is done."""
Begun = Callable[[str], None]

STORAGE = "https://storage.phoenix.test/"
DATE = "2026-11-24T12:00:00.000Z"


def happen(fault: Fault) -> None:
    """Raise an error, or do what is to be done."""
    if isinstance(fault, BaseException):
        raise fault
    fault()


def once(fault: Fault) -> Fault:
    """Let a fault meet the first call only."""
    left = [fault]
    return lambda: happen(left.pop()) if left else None


def lost() -> None:
    """Reset the connection: nobody knows whether the request arrived."""
    raise ServiceUnreachable("Reset.", sent=True)


def down() -> None:
    """Refuse the connection: nothing was sent."""
    raise ServiceUnreachable("Phoenix cannot be reached.", sent=False)


def interrupted() -> None:
    """Press Ctrl-C."""
    raise KeyboardInterrupt


@dataclass
class BegunUpload:
    """An upload that the service gave an id."""

    name: str
    content: bytes | None = None
    """What arrived, or was fetched."""
    url: str | None = None
    """Where to fetch it, for an import."""
    asset_id: str | None = None
    """The asset it became."""


class FakeService:
    """Does what it is asked, at once. ``before`` and ``after`` hold faults by method name."""

    def __init__(self, *, is_local: bool = False) -> None:
        self.origin = "https://phoenix.test/v1"
        self.project_id: str | None = None
        self.team_id: str | None = None
        self.is_local = is_local
        self.in_process = False
        self.price = Decimal(1080)
        self.discount = Decimal(0)
        self.calls: list[str] = []
        self.before: dict[str, Fault] = {}
        """Meets a call before anything happened."""
        self.after: dict[str, Fault] = {}
        """Meets a call after it happened: the reply is lost."""
        self.models: dict[str, Model] = {}
        self.images_max: int | None = None
        """The plan's ceiling on a model's training images; ``None`` for none."""
        self.drops_pairs = False
        """Whether pairs go with an image that they name: no source states it."""
        self.inline_max = 4_000_000
        """Images of more bytes go in parts, under an upload's id."""
        self.web: dict[str, bytes] = {}
        """What the service finds behind the URLs that it is asked to import."""
        self.assets: dict[str, Asset] = {}
        self.contents: dict[str, bytes] = {}
        """The bytes of every asset that came by an upload."""
        self.uploads: dict[str, BegunUpload] = {}
        self.sent: Counter[bytes] = Counter()
        """How often each image's bytes arrived here whole."""
        self.jobs: dict[str, Job] = {}
        self.downloads: list[str | None] = []
        """The epochs whose weights were bought, ``None`` for the last."""
        self.weights: dict[str, bytes] = {}
        self.job_status = "success"
        """What a download's job is as soon as it is asked for."""
        self.held: dict[str, str] = {}
        """By model: the run whose weights the service holds."""
        self.launches: list[Mapping[str, Any]] = []
        self._numbers = itertools.count(1)
        self._lock = Lock()

    def scoped(self, *, team_id: str | None = None, project_id: str | None = None) -> FakeService:
        self.team_id = team_id or self.team_id
        self.project_id = project_id or self.project_id
        return self

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
            happen(self.before[name])

    def _done(self, name: str) -> None:
        if name in self.after:
            happen(self.after[name])

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
        model = self._model(model_id)
        images = tuple(
            replace(i, description=self.assets[i.id].description) if i.id in self.assets else i
            for i in model.training_images
        )
        return replace(model, training_images=images, training_images_number=len(images))

    def get_models(self, ids: Sequence[str]) -> tuple[Model, ...]:
        self._did("get_models")
        found = (self.models[i] for i in dict.fromkeys(ids) if i in self.models)
        return tuple(replace(m, training_images=m.training_images[:3]) for m in found)

    def list_models(self, *, status: str | None = None) -> Iterator[Model]:
        self._did("list_models")
        return iter([m for m in self.models.values() if status in (None, m.status)])

    def delete_model(self, model_id: str) -> None:
        self._did("delete_model")
        self._model(model_id)
        del self.models[model_id]

    def update_model(
        self, model_id: str, *, name: str | None = None, parameters: Mapping[str, Any] | None = None
    ) -> Model:
        self._did("update_model")
        model = self._model(model_id)
        changes: dict[str, Any] = {}
        if name is not None:
            changes["name"] = name
        if parameters is not None:
            changes["parameters"] = dict(parameters)
        model = self._put(model, **changes)
        self._done("update_model")
        return model

    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]:
        self._did("add_training_images")
        if len(asset_ids) > 10:
            raise ServiceError("Too many assetIds provided in a single request.", status=400)
        there = {i.id for i in self._model(model_id).training_images}
        if there & set(asset_ids):
            raise ServiceError(
                "The provided assetId is already a training image of this model.", status=400
            )
        for asset_id in asset_ids:
            self._asset(asset_id)
        if self.images_max is not None and len(there) + len(asset_ids) > self.images_max:
            raise PlanLimitReached(
                "The plan's limit of training images is reached.",
                status=429,
                details={
                    "actionName": "add-training-image",
                    "actionLimit": self.images_max,
                    "actionValue": len(there),
                },
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
        model, new = (
            self._model(model_id),
            TrainingImage(id=asset_id, name=self._asset(asset_id).name),
        )
        if training_image_id not in {i.id for i in model.training_images}:
            raise NotFound("No such training image.", status=404)
        images = (new if i.id == training_image_id else i for i in model.training_images)
        self._put(model, training_images=tuple(images))
        return new

    def delete_training_image(self, model_id: str, training_image_id: str) -> None:
        self._did("delete_training_image")
        model = self._model(model_id)
        left = tuple(i for i in model.training_images if i.id != training_image_id)
        if left == model.training_images:
            raise NotFound("No such training image.", status=404)
        pairs = model.training_image_pairs
        if self.drops_pairs:
            pairs = tuple(p for p in pairs if training_image_id not in (p.source_id, p.target_id))
        self._put(model, training_images=left, training_image_pairs=pairs)

    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]:
        self._did("replace_pairs")
        model = self._model(model_id)
        there = {i.id for i in model.training_images}
        for pair in pairs:
            if not {pair.source_id, pair.target_id} <= there:
                raise ServiceError("A pair is not of this model's training images.", status=400)
        self._put(model, training_image_pairs=tuple(pairs))
        self._done("replace_pairs")
        return tuple(pairs)

    def quote_training(self, model_id: str, parameters: Mapping[str, Any]) -> Quote | LaunchReply:
        self._did("quote_training")
        if not self._model(model_id).training_images:
            raise ServiceError("The model has no training images.", status=400)
        details = {"train-model": self.price}
        return Quote(amount=self.price, discount=self.discount, details=details)

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        self._did("trigger_training")
        if self._model(model_id).status == "training":
            raise ServiceError("Model is already training.", status=400)
        job = self.launch(model_id)
        self.launches.append(dict(parameters))
        model = self.models[model_id]
        self._done("trigger_training")
        return LaunchReply(outcome="launched", job=job, model=model, cost=self.price)

    def cancel_training(self, model_id: str) -> Model:
        self._did("cancel_training")
        if self._model(model_id).status != "training":
            raise ServiceError("Model is not training.", status=400)
        return self.finish(model_id, "training-canceled")

    def quote_download(self, model_id: str, *, epoch: str | None = None) -> Quote | LaunchReply:
        self._did("quote_download")
        self._trained(model_id)
        return Quote(amount=Decimal(5), details={"download": Decimal(5)})

    def trigger_download(self, model_id: str, *, epoch: str | None = None) -> LaunchReply:
        self._did("trigger_download")
        self._trained(model_id)
        job = Job(
            id=f"job_{next(self._numbers)}",
            type="model-download",
            status=self.job_status,
            input={"modelId": model_id} | ({"modelEpoch": epoch} if epoch else {}),
        )
        self.jobs[job.id] = job
        self.downloads.append(epoch)
        self.weights[job.id] = f"weights of {self.held[model_id]}, epoch {epoch}".encode()
        self._done("trigger_download")
        return LaunchReply(outcome="launched", job=job)

    def _trained(self, model_id: str) -> None:
        self._model(model_id)
        if model_id not in self.held:
            raise ServiceError("This model is not trained.", status=400)

    def list_jobs(self, *, types: Sequence[str] = (), status: str | None = None) -> Iterator[Job]:
        self._did("list_jobs")
        found = [j for j in self.jobs.values() if not types or j.type in types]
        return iter([j for j in reversed(found) if status in (None, j.status)])

    def get_download(self, job_id: str) -> Download:
        self._did("get_download")
        if job_id not in self.weights:
            raise NotFound("No such download.", status=404)
        return Download(job_id=job_id, status="success", url=f"{STORAGE}{job_id}")

    def fetch_to(self, url: str, path: Path) -> int:
        self._did("fetch_to")
        return path.write_bytes(self.weights[url.removeprefix(STORAGE)])

    def get_job(self, job_id: str) -> Job:
        self._did("get_job")
        if job_id not in self.jobs:
            raise NotFound("No such job.", status=404)
        return self.jobs[job_id]

    # -- assets ---------------------------------------------------------------------------------

    def upload_image(
        self, name: str, content: bytes, *, upload_id: str | None = None, begun: Begun | None = None
    ) -> Asset:
        self._did("upload_image")
        if len(content) <= self.inline_max:
            asset = self._new_asset(name, content)
            self._done("upload_image")
            return asset
        upload_id = self._begin(BegunUpload(name), upload_id, begun)
        upload = self.uploads[upload_id]
        if upload.content is None:  # what arrived before is not sent again
            self._did("send_part")
            upload.content = content
            self.sent[content] += 1
            self._done("send_part")
        return self._complete(upload)

    def import_image(
        self, url: str, *, upload_id: str | None = None, begun: Begun | None = None
    ) -> Asset:
        self._did("import_image")
        name = url.partition("?")[0].rpartition("/")[2]
        upload_id = self._begin(BegunUpload(name, url=url), upload_id, begun)
        upload = self.uploads[upload_id]
        if upload.content is None:
            upload.content = self.web.get(upload.url or "")
        if upload.content is None:
            reason = "could not import the image: it could not be fetched from there."
            raise ServiceError(f"Phoenix {reason}", status=200)
        return self._complete(upload)

    def _begin(self, upload: BegunUpload, upload_id: str | None, begun: Begun | None) -> str:
        if upload_id is not None and upload_id in self.uploads:
            return upload_id
        self._did("begin_upload")
        upload_id = f"upload_{next(self._numbers)}"
        self.uploads[upload_id] = upload
        self._done("begin_upload")
        if begun is not None:
            begun(upload_id)
        return upload_id

    def _complete(self, upload: BegunUpload) -> Asset:
        self._did("complete_upload")
        if upload.asset_id is None:
            assert upload.content is not None
            asset = self._new_asset(upload.name, upload.content, whole=False)
            upload.asset_id = asset.id
        self._done("complete_upload")
        return self._asset(upload.asset_id)

    def _new_asset(self, name: str, content: bytes, *, whole: bool = True) -> Asset:
        try:
            header = inspect(content)
            size: dict[str, Any] = {"width": header.width, "height": header.height}
        except ImageError:
            size = {}
        with self._lock:
            number = next(self._numbers)
            asset = Asset(id=f"asset_{number:08d}", name=name, size=len(content), **size)
            self.assets[asset.id] = replace(asset, url=f"{STORAGE}{asset.id}?signature=s3cret")
            self.contents[asset.id] = content
            self.sent[content] += whole
        return self.assets[asset.id]

    def begin_upload(self, *, file_name: str, content_type: str, size: int, parts: int) -> Upload:
        return self.get_upload(self._begin(BegunUpload(file_name), None, None))

    def complete_upload(self, upload_id: str) -> Upload:
        self._complete(self._upload(upload_id))
        return self.get_upload(upload_id)

    def get_upload(self, upload_id: str) -> Upload:
        upload = self._upload(upload_id)
        status = "imported" if upload.asset_id else "failed" if upload.url else "pending"
        part = UploadPart(number=1, url=f"{STORAGE}{upload_id}")
        return Upload(
            id=upload_id,
            status=status,
            file_name=upload.name,
            parts=() if upload.url else (part,),
            entity_id=upload.asset_id,
        )

    def _upload(self, upload_id: str) -> BegunUpload:
        if upload_id not in self.uploads:
            raise NotFound(f"Upload {upload_id} not found.", status=404)
        return self.uploads[upload_id]

    def _model(self, model_id: str) -> Model:
        if model_id not in self.models:
            raise NotFound(f"Model {model_id} not found.", status=404)
        return self.models[model_id]

    def _asset(self, asset_id: str) -> Asset:
        if asset_id not in self.assets:
            raise NotFound(f"Asset {asset_id} not found.", status=404)
        return self.assets[asset_id]

    def get_asset(self, asset_id: str) -> Asset:
        self._did("get_asset")
        return self._asset(asset_id)

    def get_assets(self, ids: Sequence[str]) -> tuple[Asset, ...]:
        self._did("get_assets")
        return tuple(self.assets[i] for i in dict.fromkeys(ids) if i in self.assets)

    def update_asset(
        self, asset_id: str, *, description: str | None = None, name: str | None = None
    ) -> Asset:
        self._did("update_asset")
        asset = self._asset(asset_id)
        if description is not None:
            asset = replace(asset, description=description)
        if name is not None:
            asset = replace(asset, name=name)
        self.assets[asset_id] = asset
        self._done("update_asset")
        return asset

    def fetch(self, url: str) -> bytes:
        self._did("fetch")
        assert url.startswith(STORAGE), f"the notebook fetches only what the service signed: {url}"
        key = url.removeprefix(STORAGE).partition("?")[0]
        content = self.contents.get(key, self.weights.get(key))
        if content is None:
            raise NotFound("Nothing is there.", status=404)
        return content

    # -- the account ----------------------------------------------------------------------------

    def list_projects(self) -> tuple[Project, ...]:
        self._did("list_projects")
        return (Project(id="proj_1", name="One", team_id="team_1"),)

    def get_team_limits(self, team_id: str | None = None) -> TeamLimits | None:
        self._did("get_team_limits")
        return TeamLimits(plan="pro", limits={"parallelTraining": 2})

    def ping(self, *, patient: bool = True) -> Reply:
        self._did("ping")
        return Reply(status=200, headers={}, content=b"{}")

    # -- what the service, or somebody else, does by itself -------------------------------------

    def seed(self, name: str = "m", type: str = "flux.2-dev-lora") -> Model:
        """Make a model with one image, which could be trained."""
        model = self.create_model(name=name, type=type)
        return self._put(model, training_images=(TrainingImage(id=f"asset_of_{model.id}"),))

    def launch(self, model_id: str) -> Job:
        """Launch a training, whatever goes on already; kept out is it by `trigger_training` only."""
        number = next(self._numbers)
        job = Job(
            id=f"job_{number}", type="musubi-model-training", status="queued", cost=self.price
        )
        job = replace(job, history=(("queued", DATE),))
        self.jobs[job.id] = job
        self._put(self.models[model_id], status="training", job_id=job.id)
        return job

    def lose(self, asset_id: str) -> None:
        """Delete an asset, as somebody may on the service's own page."""
        del self.assets[asset_id]
        self.contents.pop(asset_id, None)
        for model in self.models.values():
            left = tuple(i for i in model.training_images if i.id != asset_id)
            self._put(model, training_images=left)

    def finish(self, model_id: str, status: str = "trained") -> Model:
        """End the model's run, as the service does by itself."""
        ends = {"trained": "success", "failed": "failure", "training-canceled": "canceled"}
        model = self.models[model_id]
        if status == "trained":
            self.held[model_id] = str(model.job_id)
        if model.job_id is not None:
            job = self.jobs[model.job_id]
            ended = (*job.history, (ends[status], DATE))
            self.jobs[job.id] = replace(job, status=ends[status], history=ended)
        return self._put(model, status=status, ended_at=DATE)
