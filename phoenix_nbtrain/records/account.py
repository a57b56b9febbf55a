"""Whose work it is, and what their plan allows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType

from phoenix_nbtrain.records.wire import (
    Wire,
    amount,
    number_of,
    object_of,
    objects_of,
    text_of,
)

__all__ = [
    "Project",
    "TeamLimits",
    "projects_of_teams",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamLimits:
    """What a team's plan allows, and how much of it is used."""

    plan: str = ""
    limits: Wire = field(default_factory=lambda: MappingProxyType({}))
    """Ceilings by their wire names, for example ``parallelTraining`` or ``models``."""
    values: Wire = field(default_factory=lambda: MappingProxyType({}))
    """What is used, or left, by the same names; only some ceilings have one."""

    @property
    def parallel_training(self) -> int | None:
        """How many trainings may run at once; 0 where the plan has no training."""
        number = number_of(self.limits, "parallelTraining")
        return None if number is None else int(number)

    @property
    def creative_units(self) -> Decimal | None:
        """The creative units that ``values`` states."""
        return amount(self.values.get("creativeUnits"))

    @classmethod
    def from_wire(cls, wire: Wire) -> TeamLimits:
        return cls(
            plan=text_of(wire, "plan"),
            limits=MappingProxyType(dict(object_of(wire, "limits"))),
            values=MappingProxyType(dict(object_of(wire, "values"))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where models live, and who pays for them."""

    id: str
    name: str = ""
    team_id: str = ""


def projects_of_teams(teams: Iterable[Wire]) -> tuple[Project, ...]:
    """Return every project of a ``GET /teams`` reply's ``teams``."""
    return tuple(
        Project(id=text_of(p, "id"), name=text_of(p, "name"), team_id=text_of(team, "id"))
        for team in teams
        for p in objects_of(team, "projects")
    )
