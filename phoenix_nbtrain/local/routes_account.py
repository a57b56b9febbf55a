"""The one team, its project, and its plan's ceilings."""

from __future__ import annotations

from typing import Any

from flask import Blueprint

from phoenix_nbtrain.local.app_context import store
from phoenix_nbtrain.local.pricing import number
from phoenix_nbtrain.local.reply_json import PROJECT, TEAM
from phoenix_nbtrain.local.rows import iso
from phoenix_nbtrain.local.service_errors import Refused
from phoenix_nbtrain.local.settings import load
from phoenix_nbtrain.text import shown

routes = Blueprint("account", __name__)

PLAN = "free"
UNLIMITED = 1_000_000
"""What stands where nothing is limited here; the service's own word for that is not documented."""
_NOT_HERE = (
    *("OTPSessions", "apiKeys", "canvasAssetLayers", "canvasAssets", "collections"),
    *("inferenceBatchSize", "parallelCustomJobs", "parallelInferences", "parallelWorkflowRuns"),
    *("premiumGenerationSamples", "scalingFactor", "snapshotsRetention"),
)
"""Ceilings that a plan of the service has, of things that there are none of here."""


@routes.get("/teams")
def teams() -> dict[str, Any]:
    since = iso(store().created_at)
    project = {"id": PROJECT, "name": "Local project", "createdAt": since, "updatedAt": since}
    context = {"invitationsCount": 0, "keysCount": 0, "usersCount": 1, "userRole": "admin"}
    team = {
        "id": TEAM,
        "name": "Local team",
        "type": "personal",
        "plan": PLAN,
        "context": context,
        "projects": [project],
        "createdAt": since,
        "updatedAt": since,
    }
    return {"teams": [team]}


@routes.get("/teams/<team_id>/limits")
def limits(team_id: str) -> dict[str, Any]:
    if team_id != TEAM:
        raise Refused(404, {"reason": f"Team {shown(team_id)} not found"})
    with store().reading() as connection:
        settings = load(connection)
        now = iso()
    # "Current value" would be what is spent in a plan's period. Here is no period: what can be
    # spent is what is left, and is given as such in both places.
    balance = 0 if settings.balance is None else number(settings.balance)
    return {
        "plan": PLAN,
        "limits": dict.fromkeys(_NOT_HERE, 0)
        | {
            "creativeUnits": balance,
            "defaultSeats": 1,
            "downloadAssets": UNLIMITED,
            "downloadModel": UNLIMITED,
            "maxCooldown": settings.cooldown_seconds,
            "maxTrainingDatasets": settings.training_images,
            "minCooldown": settings.cooldown_seconds,
            "models": UNLIMITED,
            "parallelTraining": settings.parallel_trainings,
            "projects": 1,
            "seats": 1,
            "upload": UNLIMITED,
        },
        "values": {
            "apiKeys": 0,
            "canvasAssets": 0,
            "collections": 0,
            "creativeUnits": balance,
            "projects": 1,
            "seats": 1,
        },
        "oneShotCreativeUnits": [],
        "period": {"start": iso(store().created_at), "end": now},
    }
