"""What there is to know of, as frames: runs, the account's models, the types that can be trained."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from phoenix_nbtrain import catalog
from phoenix_nbtrain.errors import PhoenixError
from phoenix_nbtrain.launch import Launcher
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.session.order import stored_parameters
from phoenix_nbtrain.session.run_record import still_since
from phoenix_nbtrain.session.service import Service, asked
from phoenix_nbtrain.store import home_journal
from phoenix_nbtrain.store.journal import Intent

if TYPE_CHECKING:
    import pandas as pd


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


_COLUMNS = [
    "run_id",
    "name",
    "type",
    "what",
    "status",
    "cost",
    "unit",
    "launched",
    "checked",
    "model_id",
    "job_id",
]
_NOT_RUN = ("new", "copying", "")
"""Model statuses of which no run can be told."""


def runs(client: Service | None = None) -> pd.DataFrame:
    """Return the runs that this computer launched or the account's models show, newest first.

    Args:
        client: the Phoenix to use instead of the connected one.

    Returns:
        One row per run, indexed by ``run_id``: name and type of its model, ``what`` was bought,
        its ``status``, ``cost`` and ``unit``, when it was ``launched`` (or first seen here), and
        ``checked``: ``just now`` where the service told the status for this frame, else
        ``last seen`` and when; so, too, for a run that trains and has said nothing for too long.

    Raises:
        InputError: ``client`` is none.
        ServiceError, ServiceUnreachable: the models cannot be listed, and nothing is remembered.
    """
    import pandas as pd

    client = asked(client)
    journal = home_journal()
    launcher = Launcher(client, journal, explicit=stored_parameters)
    models, unheard = _models(client)
    looked = {
        intent.intent_id
        for intent in journal.intents(origin=client.origin, kind=None)
        if intent.open and _looked(client, launcher, intent, models.get(intent.model_id))
    }
    known = [
        i
        for i in journal.intents(origin=client.origin, kind=None)
        if i.project == (client.project_id or "")
    ]
    local = client.is_local
    rows = [
        _of_intent(i, models.get(i.model_id), looked=i.intent_id in looked, local=local)
        for i in known
    ]
    if unheard is not None and not known:
        raise unheard  # an empty frame would say that there are no runs
    told = {i.model_id for i in known}
    rows += [
        _of_model(m, client)
        for m in models.values()
        if m.id not in told and m.status not in _NOT_RUN
    ]
    rows.sort(key=lambda row: row["at"], reverse=True)
    frame = pd.DataFrame([{c: row[c] for c in _COLUMNS} for row in rows], columns=_COLUMNS)
    return frame.set_index("run_id")


def _models(client: Service) -> tuple[dict[str, Model], PhoenixError | None]:
    """Return the account's models, or none and why they are not known."""
    try:
        return {model.id: model for model in client.list_models()}, None
    except PhoenixError as error:
        return {}, error  # the journal still tells what was last seen, and says so


def _looked(client: Service, launcher: Launcher, intent: Intent, listed: Model | None) -> bool:
    """Bring one unfinished run up to date; return whether the service told.

    What a list tells of a model is enough to know whether its run goes on, but holds only some of
    its images: no run is written down by it. A launch in doubt is compared with all that the model
    was before, and so is read by itself.
    """
    try:
        if listed is not None and intent.state in ("running", "stopping"):
            launcher.reconcile(listed, intent.kind)
            return True
        model = client.get_model(intent.model_id)
        if intent.kind == "download":
            launcher.settle_download(model)
        else:
            launcher.run_of(model)
    except PhoenixError:
        return False
    return True


def _checked(model: Model | None, *, local: bool) -> str:
    """Return whether what the service told just now is of now."""
    if model is None or model.status != "training" or model.progress is None:
        return "just now"
    at = still_since(model.progress, local=local, now=time.time())
    return "just now" if at is None else _last_seen(at)


def _last_seen(at: float) -> str:
    return time.strftime("last seen %Y-%m-%d %H:%M", time.localtime(at))


def _of_intent(intent: Intent, model: Model | None, *, looked: bool, local: bool) -> dict[str, Any]:
    # The model's own record was just listed, and it speaks of this very run.
    listed = model is not None and model.job_id is not None and model.job_id == intent.job_id
    cost = intent.amount if intent.charged is None else intent.charged
    unbought = intent.state in ("prepared", "refused", "rejected", "not_sent", "not_seen")
    return {
        "run_id": intent.intent_id,
        "name": model.name if model else "",
        "type": model.type if model else "",
        "what": intent.kind,
        "status": intent.state,
        "cost": float(cost) if intent.bought_here and not unbought else None,
        "unit": intent.unit,
        "launched": _moment(intent.at),
        "checked": _checked(model if listed else None, local=local)
        if looked or listed
        else _last_seen(intent.changed),
        "model_id": intent.model_id,
        "job_id": intent.job_id,
        "at": intent.at,
    }


def _of_model(model: Model, client: Service) -> dict[str, Any]:
    """Return the row of a run that only its model tells of."""
    at = (model.progress.started_at if model.progress else None) or 0.0
    return {
        "run_id": model.job_id or model.id,
        "name": model.name,
        "type": model.type,
        "what": "training",
        "status": model.status,
        "cost": None,
        "unit": client.unit,
        "launched": _moment(at) if at else None,
        "checked": _checked(model, local=client.is_local),
        "model_id": model.id,
        "job_id": model.job_id,
        "at": at,
    }


def _moment(seconds: float) -> Any:
    import pandas as pd

    return pd.Timestamp(seconds, unit="s", tz="UTC").round("s")
