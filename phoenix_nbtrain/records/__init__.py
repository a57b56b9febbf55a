"""What Phoenix answers, as frozen records.

Every ``from_wire`` takes a decoded JSON object and tolerates what it does not know: further keys
are ignored, missing ones become ``None`` or empty, and a status never seen before is kept as it
was sent. Field names are the service's own in snake case.
"""

from __future__ import annotations

from phoenix_nbtrain.records.account import Project, TeamLimits, projects_of_teams
from phoenix_nbtrain.records.assets import Asset, Download, Upload, UploadPart
from phoenix_nbtrain.records.jobs import ENDED_JOBS, Job, LaunchReply, Quote
from phoenix_nbtrain.records.models import (
    Epoch,
    Model,
    TrainingImage,
    TrainingPair,
    TrainingProgress,
)
from phoenix_nbtrain.records.wire import Signed, address_of, amount

__all__ = [
    "ENDED_JOBS",
    "Asset",
    "Download",
    "Epoch",
    "Job",
    "LaunchReply",
    "Model",
    "Project",
    "Quote",
    "Signed",
    "TeamLimits",
    "TrainingImage",
    "TrainingPair",
    "TrainingProgress",
    "Upload",
    "UploadPart",
    "address_of",
    "amount",
    "projects_of_teams",
]
