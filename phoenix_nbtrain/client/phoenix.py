"""The Phoenix REST API, one method per endpoint that a training needs.

Names, paths and bodies are those of the service's official SDK (2.4.0).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import EllipsisType
from typing import Any

from phoenix_nbtrain.client.assets import AssetEndpoints
from phoenix_nbtrain.client.credentials import refuse_what_is_no_text
from phoenix_nbtrain.client.endpoints import launched, priced, segment
from phoenix_nbtrain.client.replies import Reply
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.errors import NotFound, PermissionDenied, ServiceError
from phoenix_nbtrain.forks import not_for_children
from phoenix_nbtrain.records import (
    Job,
    LaunchReply,
    Model,
    Project,
    Quote,
    TeamLimits,
    TrainingImage,
    TrainingPair,
    projects_of_teams,
)

__all__ = ["ASSETS_PER_CALL", "Phoenix"]

ASSETS_PER_CALL = 10
"""Most asset ids that one call adds to a training set (SDK)."""
MODELS_PER_READ = 50
"""Models that one call reads; the service states no limit, and its own plug-in stays at this."""


class Phoenix(AssetEndpoints):
    """A Phoenix: the hosted one, a served one, or the local one inside this process.

    Made by `connect`. Every method raises `ServiceUnreachable` where no reply came and a
    `ServiceError` where the service refused. How often each is sent, and how long its reply is
    waited for, stands in `phoenix_nbtrain.client.policies`.
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
        super().__init__(transport)
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
        reply = self._http.send("create_model", "POST", "/models", body=body)
        return Model.from_wire(reply.inner("model"))

    def get_model(self, model_id: str) -> Model:
        """Read a model with its whole training set."""
        reply = self._http.send("get_model", "GET", _model(model_id))
        return Model.from_wire(reply.inner("model"))

    def get_models(self, ids: Sequence[str]) -> tuple[Model, ...]:
        """Read several models, in the order of ``ids``; what the service lacks is left out.

        Each carries only three training images.
        """
        found: dict[str, Model] = {}
        for start in range(0, len(ids), MODELS_PER_READ):
            body = {"modelIds": list(ids[start : start + MODELS_PER_READ])}
            reply = self._http.send("get_models", "POST", "/models/get-bulk", body=body)
            for wire in reply.objects("models"):
                model = Model.from_wire(wire)
                found[model.id] = model
        return tuple(found[i] for i in dict.fromkeys(ids) if i in found)

    def list_models(self, *, status: str | None = None) -> Iterator[Model]:
        """Read the account's models, page by page. Each carries only three training images."""
        params = {"pageSize": "100"} | ({"status": status} if status else {})
        for wire in self._pages("list_models", "/models", key="models", params=params):
            yield Model.from_wire(wire)

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
        reply = self._http.send("update_model", "PUT", _model(model_id), body=body)
        return Model.from_wire(reply.inner("model"))

    def delete_model(self, model_id: str) -> None:
        """Delete a model. The hosted service keeps deleted ones for 30 days."""

        def look() -> bool | None:
            try:
                self.get_model(model_id)
            except NotFound:
                return True
            return None

        self._delete("delete_model", _model(model_id), look)

    # -- training images ------------------------------------------------------------------------

    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]:
        """Add up to ten assets to a model's training set.

        Where no reply comes, the model is read, and only what is missing is sent again.
        """
        missing, there = list(asset_ids), dict[str, TrainingImage]()
        path = f"{_model(model_id)}/training-images"

        def send() -> tuple[TrainingImage, ...]:
            body = {"assetId": missing[0]} if len(missing) == 1 else {"assetIds": missing}
            reply = self._http.send("add_training_images", "POST", path, body=body)
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
            path = f"{_model(model_id)}/training-images/{segment(training_image_id)}"
            body = {"assetId": asset_id}
            reply = self._http.send("replace_training_image", "PUT", path, body=body)
            return TrainingImage.from_wire(reply.inner("trainingImage"))

        def look() -> TrainingImage | None:
            there = {i.id: i for i in self.get_model(model_id).training_images}
            return None if training_image_id in there else there.get(asset_id)

        return self._http.reading_first("replace_training_image", send, look)

    def delete_training_image(self, model_id: str, training_image_id: str) -> None:
        """Take an image out of a model's training set; the asset stays."""

        def look() -> bool | None:
            there = {i.id for i in self.get_model(model_id).training_images}
            return None if training_image_id in there else True

        path = f"{_model(model_id)}/training-images/{segment(training_image_id)}"
        self._delete("delete_training_image", path, look)

    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]:
        """Replace all pairs of a model; both sides must be training images already."""
        reply = self._http.send(
            "replace_pairs",
            "PUT",
            f"{_model(model_id)}/training-images/pairs",
            body=[pair.to_wire() for pair in pairs],
        )
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
        return priced(
            self._http.send(
                "quote_training",
                "PUT",
                f"{_model(model_id)}/train",
                params={"dryRun": "true"},
                body={"parameters": dict(parameters)},
            )
        )

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        """Launch a training and spend its price. Sent once, on a connection of its own.

        Called by `phoenix_nbtrain.launch` and by nothing else.
        """
        body = {"parameters": dict(parameters)}
        return launched(
            self._http.send("trigger_training", "PUT", f"{_model(model_id)}/train", body=body)
        )

    def cancel_training(self, model_id: str) -> Model:
        """Ask a running training to stop."""

        def send() -> Model:
            path = f"{_model(model_id)}/train/action"
            reply = self._http.send("cancel_training", "POST", path, body={"action": "cancel"})
            return Model.from_wire(reply.inner("model"))

        def look() -> Model | None:
            model = self.get_model(model_id)
            return None if model.status == "training" else model

        return self._http.reading_first("cancel_training", send, look)

    def get_job(self, job_id: str) -> Job:
        """Read a job."""
        reply = self._http.send("get_job", "GET", f"/jobs/{segment(job_id)}")
        return Job.from_wire(reply.inner("job"))

    def list_jobs(self, *, types: Sequence[str] = (), status: str | None = None) -> Iterator[Job]:
        """Read the account's jobs, page by page, of certain types or of one status only."""
        params = {"pageSize": "100"}
        if types:
            params["types"] = ",".join(types)
        if status:
            params["status"] = status
        for wire in self._pages("list_jobs", "/jobs", key="jobs", params=params):
            yield Job.from_wire(wire)

    # -- weights --------------------------------------------------------------------------------

    def quote_download(self, model_id: str, *, epoch: str | None = None) -> Quote | LaunchReply:
        """Ask what downloading a model's weights would cost. Always a dry run.

        Returns:
            As for `quote_training`.

        Raises:
            ServiceUnreachable: the reply is neither; it does not count as a price.
        """
        return priced(
            self._http.send(
                "quote_download",
                "POST",
                f"{_model(model_id)}/download",
                params={"dryRun": "true"},
                body=_epoch(epoch),
            )
        )

    def trigger_download(self, model_id: str, *, epoch: str | None = None) -> LaunchReply:
        """Let the service pack up a model's weights, and spend the price of that.

        Sent once, on a connection of its own. Called by `phoenix_nbtrain.launch` and by nothing
        else. `get_download` tells when it is ready.
        """
        path = f"{_model(model_id)}/download"
        return launched(self._http.send("trigger_download", "POST", path, body=_epoch(epoch)))

    # -- account --------------------------------------------------------------------------------

    def list_projects(self) -> tuple[Project, ...]:
        """Read the projects that these credentials reach. API keys may be refused."""
        return projects_of_teams(self._http.send("list_projects", "GET", "/teams").objects("teams"))

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
            path = f"/teams/{segment(team_id)}/limits"
            reply = self._http.send("get_team_limits", "GET", path)
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
        reply = self._http.send(operation, "GET", "/models", params={"pageSize": "1"})
        reply.object()
        return reply

    def _delete(self, operation: str, path: str, look: Callable[[], bool | None]) -> None:
        again = False

        def send() -> bool:
            nonlocal again
            try:
                self._http.send(operation, "DELETE", path)
            except NotFound:
                if not again:
                    raise
                # The first one, whose reply was lost, did it.
            finally:
                again = True
            return True

        self._http.reading_first(operation, send, look)


def _model(model_id: str) -> str:
    return f"/models/{segment(model_id)}"


def _epoch(epoch: str | None) -> dict[str, str]:
    return {} if epoch is None else {"modelEpoch": epoch}
