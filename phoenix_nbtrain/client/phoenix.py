"""The Phoenix REST API, one method per endpoint that a training needs.

Names, paths and bodies are those of the service's official SDK (2.4.0).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from phoenix_nbtrain.client.transport import Reply, Transport
from phoenix_nbtrain.errors import ServiceUnreachable
from phoenix_nbtrain.records import (
    Asset,
    Job,
    LaunchReply,
    Model,
    Project,
    Quote,
    TrainingImage,
    TrainingPair,
    projects_of_teams,
)

__all__ = ["ASSETS_PER_CALL", "Phoenix"]

ASSETS_PER_CALL = 10
"""Most asset ids that one call adds to a training set (SDK)."""
QUOTED = 269
"""The HTTP status of a dry run."""


def _part(value: str) -> str:
    return quote(value, safe="")


class Phoenix:
    """A Phoenix: the hosted one, a served one, or the local one inside this process.

    Made by `connect`. Every method raises `ServiceUnreachable` where no reply came and a
    `ServiceError` where the service refused.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        origin: str,
        is_local: bool,
        project_id: str | None = None,
        team_id: str | None = None,
    ) -> None:
        self._http = transport
        self.origin = origin
        """Which Phoenix this is; what is remembered on this computer is kept apart by it."""
        self.is_local = is_local
        """Whether it is the local Phoenix, which charges nothing."""
        self.project_id = project_id
        self.team_id = team_id

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
        """Return the same Phoenix for another project; itself where nothing differs."""
        if project_id in (None, self.project_id) and team_id in (None, self.team_id):
            return self
        project_id = project_id or self.project_id
        return Phoenix(
            self._http.with_params({"projectId": project_id} if project_id else {}),
            origin=self.origin,
            is_local=self.is_local,
            project_id=project_id,
            team_id=team_id or self.team_id,
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- models ---------------------------------------------------------------------------------

    def create_model(self, *, name: str, type: str) -> Model:
        """Create an empty model. Free."""
        reply = self._http.once("POST", "/models", body={"name": name, "type": type})
        return Model.from_wire(_inner(reply, "model"))

    def get_model(self, model_id: str) -> Model:
        """Read a model with its whole training set."""
        reply = self._http.read("GET", f"/models/{_part(model_id)}")
        return Model.from_wire(_inner(reply, "model"))

    def list_models(self, *, status: str | None = None) -> Iterator[Model]:
        """Read the account's models, page by page. Each carries only three training images."""
        params = {"pageSize": "100"} | ({"status": status} if status else {})
        seen: set[str] = set()
        while True:
            body = self._http.read("GET", "/models", params=params).object()
            for wire in body.get("models") or ():
                yield Model.from_wire(wire)
            token = body.get("nextPaginationToken")
            if not isinstance(token, str) or not token or token in seen:
                return
            seen.add(token)
            params = params | {"paginationToken": token}

    def update_model(
        self,
        model_id: str,
        *,
        name: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Model:
        """Rename a model, or store training parameters with it. Launches nothing."""
        body: dict[str, Any] = {}
        if name is not None:
            body["name"] = name
        if parameters is not None:
            body["parameters"] = dict(parameters)
        reply = self._http.once("PUT", f"/models/{_part(model_id)}", body=body)
        return Model.from_wire(_inner(reply, "model"))

    # -- training images ------------------------------------------------------------------------

    def add_training_images(
        self, model_id: str, asset_ids: Sequence[str]
    ) -> tuple[TrainingImage, ...]:
        """Add up to ten assets to a model's training set.

        The reply's form for several is not documented, so every plausible one is read.
        """
        body = {"assetId": asset_ids[0]} if len(asset_ids) == 1 else {"assetIds": list(asset_ids)}
        reply = self._http.once(
            "POST", f"/models/{_part(model_id)}/training-images", body=body
        ).object()
        found: list[Any] = []
        for key in ("trainingImage", "trainingImages"):
            value = reply.get(key)
            found.extend(value if isinstance(value, list) else [value])
        return tuple(TrainingImage.from_wire(w) for w in found if isinstance(w, dict))

    def replace_training_image(
        self, model_id: str, training_image_id: str, *, asset_id: str
    ) -> TrainingImage:
        """Put another asset in a training image's place. Its id may change."""
        reply = self._http.once(
            "PUT",
            f"/models/{_part(model_id)}/training-images/{_part(training_image_id)}",
            body={"assetId": asset_id},
        )
        return TrainingImage.from_wire(_inner(reply, "trainingImage"))

    def delete_training_image(self, model_id: str, training_image_id: str) -> None:
        """Take an image out of a model's training set; the asset stays."""
        self._http.once(
            "DELETE", f"/models/{_part(model_id)}/training-images/{_part(training_image_id)}"
        )

    def replace_pairs(
        self, model_id: str, pairs: Sequence[TrainingPair]
    ) -> tuple[TrainingPair, ...]:
        """Replace all pairs of a model; both sides must be training images already."""
        reply = self._http.once(
            "PUT",
            f"/models/{_part(model_id)}/training-images/pairs",
            body=[pair.to_wire() for pair in pairs],
        ).object()
        stored = reply.get("pairs")
        return tuple(TrainingPair.from_wire(w) for w in stored or () if isinstance(w, dict))

    # -- training -------------------------------------------------------------------------------

    def quote_training(
        self,
        model_id: str,
        parameters: Mapping[str, Any],
    ) -> Quote | LaunchReply:
        """Ask what a launch would cost. Always a dry run.

        Returns:
            The quote. A `LaunchReply` only where the service, against its documentation,
            answered with a job: then something was launched, and the caller must say so.

        Raises:
            ServiceUnreachable: the reply is neither; it does not count as a price.
        """
        reply = self._http.read(
            "PUT",
            f"/models/{_part(model_id)}/train",
            params={"dryRun": "true"},
            body={"parameters": dict(parameters)},
        )
        body = reply.object()
        if isinstance(body.get("job"), dict) and body["job"]:
            return _launched(body)
        price = Quote.from_wire(body) if reply.status == QUOTED else None
        if price is None:
            raise ServiceUnreachable(
                "The dry run's reply states no usable price.",
                sent=True,
                remedy="Nothing was bought; estimate again.",
            )
        return price

    def trigger_training(self, model_id: str, parameters: Mapping[str, Any]) -> LaunchReply:
        """Launch a training and spend its price. Sent once, on a connection of its own.

        Called by `phoenix_nbtrain.launch` and by nothing else.
        """
        reply = self._http.fresh(
            "PUT", f"/models/{_part(model_id)}/train", body={"parameters": dict(parameters)}
        )
        if reply.status == QUOTED:
            return LaunchReply(outcome="quoted")
        return _launched(reply.object())

    def cancel_training(self, model_id: str) -> Model:
        """Ask a running training to stop."""
        reply = self._http.once(
            "POST", f"/models/{_part(model_id)}/train/action", body={"action": "cancel"}
        )
        return Model.from_wire(_inner(reply, "model"))

    def get_job(self, job_id: str) -> Job:
        """Read a job."""
        return Job.from_wire(_inner(self._http.read("GET", f"/jobs/{_part(job_id)}"), "job"))

    # -- assets ---------------------------------------------------------------------------------

    def upload_image(self, name: str, content: bytes) -> Asset:
        """Upload a picture as a new asset. Free."""
        body = {"name": name, "image": base64.b64encode(content).decode("ascii")}
        return Asset.from_wire(_inner(self._http.once("POST", "/assets", body=body), "asset"))

    def get_asset(self, asset_id: str) -> Asset:
        """Read an asset."""
        return Asset.from_wire(
            _inner(self._http.read("GET", f"/assets/{_part(asset_id)}"), "asset")
        )

    def update_asset(self, asset_id: str, *, description: str) -> Asset:
        """Write an asset's caption."""
        reply = self._http.once(
            "PUT", f"/assets/{_part(asset_id)}", body={"description": description}
        )
        return Asset.from_wire(_inner(reply, "asset"))

    def fetch(self, url: str) -> bytes:
        """Return the bytes behind a signed URL of the service."""
        return self._http.fetch(url)

    # -- account --------------------------------------------------------------------------------

    def list_projects(self) -> tuple[Project, ...]:
        """Read the projects that these credentials reach. API keys may be refused."""
        body = self._http.read("GET", "/teams").object()
        return projects_of_teams(t for t in body.get("teams") or () if isinstance(t, dict))

    def ping(self) -> Reply:
        """Make the cheapest read there is, so that wrong credentials fail here."""
        return self._http.read("GET", "/models", params={"pageSize": "1"})


def _inner(reply: Reply, key: str) -> Mapping[str, Any]:
    value = reply.object().get(key)
    if not isinstance(value, dict):
        raise ServiceUnreachable(
            f"Phoenix's reply holds no {key}.", sent=True, remedy="refresh() shows what stands."
        )
    return value


def _launched(body: Mapping[str, Any]) -> LaunchReply:
    from phoenix_nbtrain.records import amount

    job, model = body.get("job"), body.get("model")
    return LaunchReply(
        outcome="launched",
        job=Job.from_wire(job) if isinstance(job, dict) else None,
        model=Model.from_wire(model) if isinstance(model, dict) else None,
        cost=amount(body.get("creativeUnitsCost")),
    )
