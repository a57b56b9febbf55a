"""The Phoenix REST API, one method per endpoint that a training needs.

Names, paths and bodies are those of the service's official SDK (2.4.0).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import EllipsisType
from typing import Any

from phoenix_nbtrain.client import uploads
from phoenix_nbtrain.client.credentials import refuse_what_is_no_text
from phoenix_nbtrain.client.replies import Reply, launched, priced
from phoenix_nbtrain.client.transport import Transport, as_json
from phoenix_nbtrain.errors import NotFound, PermissionDenied, ServiceError, ServiceUnreachable
from phoenix_nbtrain.forks import not_for_children
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
    address,
    projects_of_teams,
)

_ASSETS_PER_READ = 200
"""Most assets that one call reads (SDK)."""
_MODELS_PER_READ = 50
"""Models that one call reads; the service states no limit, and its own plug-in stays at this."""
_PAGES_MAX = 10_000
_DRY_RUN = {"dryRun": "true"}

Begun = Callable[[str], None]


class Phoenix:
    """A Phoenix: the hosted one, a served one, or the local one inside this process.

    Made by `connect`. Every method raises `ServiceUnreachable` where no reply came and a
    `ServiceError` where the service refused. How often each is sent, and how long its reply is
    waited for, stands in `phoenix_nbtrain.client.endpoints`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        origin: str,
        is_local: bool,
        in_process: bool = False,
        project_id: str | None = None,
        team_id: str | None = None,
        source: str = "",
        reopen: Callable[[], Phoenix] | None = None,
    ) -> None:
        self._http = transport
        self.reopen = reopen
        """Returns one like it for a forked process, which cannot use this one."""
        self.origin = origin
        """Which Phoenix this is; what is remembered on this computer is kept apart by it."""
        self.is_local = is_local
        """Whether it is the local Phoenix, which charges nothing."""
        self.in_process = in_process
        """Whether it answers within this process, with no network and no proxy between."""
        self.project_id = project_id
        self.team_id = team_id
        self.source = source
        """Where its credentials were found, as in `Credentials.source`."""
        not_for_children(self)

    @property
    def unit(self) -> str:
        """The unit of its prices."""
        return "simulated CU" if self.is_local else "CU"

    @property
    def where(self) -> str:
        """Which Phoenix is talked to and whether money is involved, for people."""
        if self.is_local:
            return "Local Phoenix · nothing is charged"
        return "Hosted Phoenix · training costs money"

    def __repr__(self) -> str:
        project = f", project {self.project_id}" if self.project_id else ""
        return f"<{self.where} · {self._http.base_url}{project}>"

    def scoped(self, *, team_id: str | None = None, project_id: str | None = None) -> Phoenix:
        """Return the same Phoenix for another project; itself where nothing differs.

        Raises:
            InputError: one of them is no text.
        """
        given = {"team_id": team_id, "project_id": project_id}
        refuse_what_is_no_text({k: type(v) for k, v in given.items() if v is not None})
        if project_id in (None, self.project_id) and team_id in (None, self.team_id):
            return self
        project_id = project_id or self.project_id
        return Phoenix(
            self._http.with_params({"projectId": project_id} if project_id else {}),
            origin=self.origin,
            is_local=self.is_local,
            in_process=self.in_process,
            project_id=project_id,
            team_id=team_id or self.team_id,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- models ---------------------------------------------------------------------------------

    def create_model(self, *, name: str, type: str) -> Model:
        """Create an empty model. Free."""
        body = {"name": name, "type": type}
        reply = self._http.send("create_model", body=body)
        return Model.from_wire(reply.inner("model"))

    def get_model(self, model_id: str) -> Model:
        """Read a model with its whole dataset."""
        reply = self._http.send("get_model", model_id)
        return Model.from_wire(reply.inner("model"))

    def get_models(self, ids: Sequence[str]) -> tuple[Model, ...]:
        """Read several models, in the order of ``ids``; what the service lacks is left out.

        Each carries only three training images.
        """
        found: dict[str, Model] = {}
        for some in _batches(ids, _MODELS_PER_READ):
            reply = self._http.send("get_models", body={"modelIds": some})
            found.update((m.id, m) for m in map(Model.from_wire, reply.objects("models")))
        return tuple(found[i] for i in dict.fromkeys(ids) if i in found)

    def list_models(self, *, status: str | None = None) -> Iterator[Model]:
        """Read the account's models, page by page. Each carries only three training images."""
        params = {"pageSize": "100"} | ({"status": status} if status else {})
        return map(Model.from_wire, self._pages("list_models", "models", params))

    def update_model(
        self,
        model_id: str,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        epoch: str | EllipsisType | None = ...,
    ) -> Model:
        """Rename a model, store training parameters with it, or choose an epoch. Launches nothing.

        Args:
            model_id: which one.
            name: the new name; ``None`` leaves it.
            parameters: training parameters by their wire names; ``None`` leaves them.
            epoch: the epoch to use; ``None`` goes back to the default, ``...`` leaves it.
        """
        body: dict[str, Any] = {}
        if name is not None:
            body["name"] = name
        if parameters is not None:
            body["parameters"] = dict(parameters)
        if epoch is not ...:
            body["epoch"] = epoch
        reply = self._http.send("update_model", model_id, body=body)
        return Model.from_wire(reply.inner("model"))

    def delete_model(self, model_id: str) -> None:
        """Delete a model. The hosted service keeps deleted ones for 30 days."""

        def look() -> bool | None:
            try:
                self.get_model(model_id)
            except NotFound:
                return True
            return None

        self._delete("delete_model", model_id, look=look)

    # -- training images ------------------------------------------------------------------------

    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]:
        """Add up to ten assets to a model's dataset.

        Where no reply comes, the model is read, and only what is missing is sent again.
        """
        missing, there = list(asset_ids), dict[str, TrainingImage]()

        def send() -> tuple[TrainingImage, ...]:
            body = {"assetId": missing[0]} if len(missing) == 1 else {"assetIds": missing}
            reply = self._http.send("add_training_images", model_id, body=body)
            # The reply's form for several is not documented, so every plausible one is read.
            found = reply.objects("trainingImages") or reply.objects("trainingImage")
            single = reply.object().get("trainingImage")
            found = found or ([single] if isinstance(single, dict) else [])
            there.update((i.id, i) for i in map(TrainingImage.from_wire, found))
            return tuple(there[i] for i in asset_ids if i in there)

        def look() -> tuple[TrainingImage, ...] | None:
            there.update((i.id, i) for i in self.get_model(model_id).training_images)
            missing[:] = [i for i in asset_ids if i not in there]
            return None if missing else tuple(there[i] for i in asset_ids)

        return self._http.reading_first("add_training_images", send, look)

    def replace_training_image(
        self, model_id: str, training_image_id: str, *, asset_id: str
    ) -> TrainingImage:
        """Put another asset in a training image's place. Its id may change."""

        def send() -> TrainingImage:
            reply = self._http.send(
                "replace_training_image", model_id, training_image_id, body={"assetId": asset_id}
            )
            return TrainingImage.from_wire(reply.inner("trainingImage"))

        def look() -> TrainingImage | None:
            there = {i.id: i for i in self.get_model(model_id).training_images}
            return None if training_image_id in there else there.get(asset_id)

        return self._http.reading_first("replace_training_image", send, look)

    def delete_training_image(self, model_id: str, training_image_id: str) -> None:
        """Take an image out of a model's dataset; the asset stays."""

        def look() -> bool | None:
            there = {i.id for i in self.get_model(model_id).training_images}
            return None if training_image_id in there else True

        self._delete("delete_training_image", model_id, training_image_id, look=look)

    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]:
        """Replace all pairs of a model; both sides must be training images already."""
        body = [pair.to_wire() for pair in pairs]
        reply = self._http.send("replace_pairs", model_id, body=body)
        return tuple(TrainingPair.from_wire(w) for w in reply.objects("pairs"))

    # -- training -------------------------------------------------------------------------------

    def quote_training(self, model_id: str, parameters: Mapping[str, Any]) -> Quote | LaunchReply:
        """Ask what a launch would cost. Always a dry run.

        Returns:
            The quote. A `LaunchReply` only where the service, against its documentation,
            answered with a job: then something was launched, and the caller must say so.

        Raises:
            ServiceUnreachable: the reply is neither; it does not count as a price.
        """
        body = {"parameters": dict(parameters)}
        return priced(self._http.send("quote_training", model_id, params=_DRY_RUN, body=body))

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        """Launch a training and spend its price. Sent once, on a connection of its own.

        Called by `phoenix_nbtrain.launch` and by nothing else.
        """
        body = {"parameters": dict(parameters)}
        return launched(self._http.send("trigger_training", model_id, body=body))

    def cancel_training(self, model_id: str) -> Model:
        """Ask a running training to stop."""

        def send() -> Model:
            reply = self._http.send("cancel_training", model_id, body={"action": "cancel"})
            return Model.from_wire(reply.inner("model"))

        def look() -> Model | None:
            model = self.get_model(model_id)
            return None if model.status == "training" else model

        return self._http.reading_first("cancel_training", send, look)

    def get_job(self, job_id: str) -> Job:
        """Read a job."""
        reply = self._http.send("get_job", job_id)
        return Job.from_wire(reply.inner("job"))

    def list_jobs(self, *, types: Sequence[str] = (), status: str | None = None) -> Iterator[Job]:
        """Read the account's jobs, page by page, of certain types or of one status only."""
        params = {"pageSize": "100"}
        if types:
            params["types"] = ",".join(types)
        if status:
            params["status"] = status
        return map(Job.from_wire, self._pages("list_jobs", "jobs", params))

    # -- weights --------------------------------------------------------------------------------

    def quote_download(self, model_id: str, *, epoch: str | None = None) -> Quote | LaunchReply:
        """Ask what downloading a model's weights would cost. Always a dry run.

        Returns:
            As for `quote_training`.

        Raises:
            ServiceUnreachable: the reply is neither; it does not count as a price.
        """
        body = _epoch(epoch)
        return priced(self._http.send("quote_download", model_id, params=_DRY_RUN, body=body))

    def trigger_download(self, model_id: str, *, epoch: str | None = None) -> LaunchReply:
        """Let the service pack up a model's weights, and spend the price of that.

        Sent once, on a connection of its own. Called by `phoenix_nbtrain.launch` and by nothing
        else. `get_download` tells when it is ready.
        """
        return launched(self._http.send("trigger_download", model_id, body=_epoch(epoch)))

    # -- assets, uploads and downloads -----------------------------------------------------------

    def get_asset(self, asset_id: str) -> Asset:
        """Read an asset."""
        reply = self._http.send("get_asset", asset_id)
        return Asset.from_wire(reply.inner("asset"))

    def get_assets(self, ids: Sequence[str]) -> tuple[Asset, ...]:
        """Read several assets, in the order of ``ids``; what the service lacks is left out.

        Their addresses lead to the files as they were sent, not to versions made for viewing.
        """
        found: dict[str, Asset] = {}
        for some in _batches(ids, _ASSETS_PER_READ):
            whole = {"originalAssets": "true"}
            reply = self._http.send("get_assets", body={"assetIds": some}, params=whole)
            found.update((a.id, a) for a in map(Asset.from_wire, reply.objects("assets")))
        return tuple(found[i] for i in dict.fromkeys(ids) if i in found)

    def update_asset(
        self, asset_id: str, *, description: str | None = None, name: str | None = None
    ) -> Asset:
        """Write an asset's caption or name; what is ``None`` stays."""
        given = {"description": description, "name": name}
        body = {key: value for key, value in given.items() if value is not None}
        reply = self._http.send("update_asset", asset_id, body=body)
        return Asset.from_wire(reply.inner("asset"))

    def upload_image(
        self,
        name: str,
        content: bytes,
        *,
        upload_id: str | None = None,
        begun: Begun | None = None,
    ) -> Asset:
        """Upload an image as a new asset. Free.

        Up to 4 MB go in one request, more in parts.

        Args:
            name: its file name.
            content: the bytes of a JPEG, PNG or WebP file.
            upload_id: an upload that was begun with the same bytes; only what is missing is sent.
            begun: is told the id of an upload in parts as soon as there is one.

        Raises:
            ImageError: it is not an image that the service trains on.
            ServiceUnreachable: no usable reply came; the same call with ``upload_id`` goes on.
            ServiceError: the service refused, or could not import it.
        """
        return uploads.send(self, self._http.sleep, name, content, upload_id=upload_id, begun=begun)

    def import_image(
        self, url: str, *, upload_id: str | None = None, begun: Begun | None = None
    ) -> Asset:
        """Let the service fetch an image from the web as a new asset. Nothing is fetched here.

        Args:
            url: an http or https address that needs no credentials.
            upload_id: an import that was begun before; it is waited for.
            begun: is told the id of the import as soon as there is one.

        Raises:
            InputError: the address is none that a service could fetch.
            ServiceUnreachable: no usable reply came; the same call with ``upload_id`` goes on.
            ServiceError: the service refused, or could not import it.
        """
        return uploads.fetch(self, self._http.sleep, url, upload_id=upload_id, begun=begun)

    def upload_inline(self, name: str, content: bytes) -> Asset:
        """Upload a small image in one request."""
        # Base64 needs no escapes, and json would spend most of the upload's work looking for some.
        named = as_json({"name": name})[:-1]
        body = b'%b,"image":"%b"}' % (named, base64.b64encode(content))
        reply = self._http.send("upload_inline", body=body)
        return Asset.from_wire(reply.inner("asset"))

    def begin_upload(self, *, file_name: str, content_type: str, size: int, parts: int) -> Upload:
        """Announce an image of ``size`` bytes in ``parts`` parts; the reply says where they go."""
        return self._begin(
            {
                "fileName": file_name,
                "contentType": content_type,
                "fileSize": size,
                "parts": parts,
                "kind": "image",
            }
        )

    def begin_import(self, url: str) -> Upload:
        """Ask the service to fetch an image."""
        return self._begin({"url": url, "kind": "image"})

    def _begin(self, body: dict[str, Any]) -> Upload:
        reply = self._http.send("begin_upload", body=body)
        return Upload.from_wire(reply.inner("upload"))

    def get_upload(self, upload_id: str) -> Upload:
        """Read how far an upload is."""
        reply = self._http.send("get_upload", upload_id)
        return Upload.from_wire(reply.inner("upload"))

    def send_part(self, url: str, content: bytes) -> None:
        """Put one part at its signed address, without credentials."""
        # Any 2xx says that it is stored, unless a proxy says it with a page of its own.
        self._http.send_signed("send_part", url, content=content).refuse_page()

    def complete_upload(self, upload_id: str) -> Upload:
        """Say that all parts are there."""

        def send() -> Upload:
            reply = self._http.send("complete_upload", upload_id, body={"action": "complete"})
            return Upload.from_wire(reply.inner("upload"))

        def look() -> Upload | None:
            upload = self.get_upload(upload_id)
            return None if upload.status == "pending" else upload

        return self._http.reading_first("complete_upload", send, look)

    def get_download(self, job_id: str) -> Download:
        """Read whether a download that was asked for is ready, and where it is.

        For models it is not stated where the address stands: it is looked for where downloads of
        assets have theirs, then in the job itself.
        """
        try:
            reply = self._http.send("get_download", job_id)
        except NotFound:
            job = self.get_job(job_id)
            url = address("downloadUrl", "url").of(job.output)
            return Download(job_id=job.id, status=job.status, url=url)
        return Download.from_wire(reply.object())

    def fetch(self, url: str) -> bytes:
        """Return the bytes, at most 64 MB, behind a signed address of the service."""
        return self._http.send_signed("fetch", url).content

    def fetch_to(self, url: str, path: Path) -> int:
        """Write what a signed address of the service holds to a file; return its bytes.

        Raises:
            ServiceUnreachable, ServiceError: as for every read; the file may hold a part.
            OSError: the file cannot be written.
        """
        self._http.send_signed("fetch_to", url, into=path)
        return path.stat().st_size

    # -- account --------------------------------------------------------------------------------

    def list_projects(self) -> tuple[Project, ...]:
        """Read the projects that these credentials reach. API keys may be refused."""
        return projects_of_teams(self._http.send("list_projects").objects("teams"))

    def get_team_limits(self, team_id: str | None = None) -> TeamLimits | None:
        """Read what a team's plan allows.

        Args:
            team_id: the team; else the connected one, else the one of the connected project.

        Returns:
            The limits; ``None`` where these credentials may not read them, as most keys may not,
            or where they reach several teams and none was named.
        """
        try:
            team_id = team_id or self.team_id or self._only_team()
            if team_id is None:
                return None
            reply = self._http.send("get_team_limits", team_id)
        except ServiceError as error:
            # Whatever kind of refusal it is: what a key may not read is no failure here.
            if isinstance(error, PermissionDenied) or error.status == 403:
                return None
            raise
        return TeamLimits.from_wire(reply.object())

    def _only_team(self) -> str | None:
        projects = self.list_projects()
        teams = {p.team_id for p in projects if self.project_id in (None, p.id)}
        return teams.pop() if len(teams) == 1 else None

    def ping(self, *, patient: bool = True) -> Reply:
        """Make the cheapest read there is, so that wrong credentials fail here.

        Args:
            patient: tries again where that may help; else one try of a few seconds.
        """
        operation = "ping" if patient else "glance"
        reply = self._http.send(operation, params={"pageSize": "1"})
        reply.object()
        return reply

    def _pages(
        self, operation: str, key: str, params: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the objects under ``key``, page by page.

        A page may be short or empty while others follow. A token seen before ends the list, since
        the service would go round in a circle.
        """
        seen: set[str] = set()
        for _ in range(_PAGES_MAX):
            reply = self._http.send(operation, params=params)
            yield from reply.objects(key)
            token = reply.object().get("nextPaginationToken")
            if not isinstance(token, str) or not token or token in seen:
                return
            seen.add(token)
            params = {**params, "paginationToken": token}
        raise ServiceUnreachable("The service's list does not end.", sent=True)

    def _delete(self, operation: str, *ids: str, look: Callable[[], bool | None]) -> None:
        again = False

        def send() -> bool:
            nonlocal again
            try:
                self._http.send(operation, *ids)
            except NotFound:
                if not again:
                    raise
                # The first one, whose reply was lost, did it.
            finally:
                again = True
            return True

        self._http.reading_first(operation, send, look)


def _batches(ids: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(ids), size):
        yield list(ids[start : start + size])


def _epoch(epoch: str | None) -> dict[str, str]:
    return {} if epoch is None else {"modelEpoch": epoch}
