"""Every error the toolkit raises, in one tree.

    PhoenixError
    ├── InputError (ValueError)       an argument is not valid; nothing changed
    │   ├── ConfigError               an unknown parameter, or a value out of range
    │   ├── ImageError                an image that cannot be trained on
    │   ├── PairError                 a pair whose images cannot be resolved
    │   └── ModelNameTaken            the account has a model of that name already
    ├── UnknownName (AttributeError)  a mistyped name, with the nearest one that there is
    ├── CredentialsError              missing, half given, contradictory or ambiguous
    ├── StoreError                    a file of this computer's memory cannot be trusted
    │   └── StoreBusy                 another process is writing it just now
    ├── ServiceUnreachable            no usable reply; ``sent`` tells whether the request left
    ├── ServiceError                  Phoenix answered, and refused
    │   ├── AuthenticationFailed      401, or the 403 of an expired token
    │   ├── PermissionDenied          403
    │   ├── NotFound                  404
    │   ├── PlanLimitReached          429 that waiting does not cure
    │   ├── CoolingDown               429 that names the seconds to wait
    │   ├── Throttled                 429 of a rate limit
    │   └── ServiceFailed             5xx, and the 408 and 409 that may pass
    ├── StillRunning (TimeoutError)   the training has not ended in the time that wait() was given
    ├── NotReady (TimeoutError)       a file is not made in the time that download() was given
    └── LaunchError                   the launch protocol stopped before or after the request
        ├── PriceNotAccepted          today's cost, and the line that accepts it
        ├── LaunchRefused             Phoenix refused the launch; nothing runs
        └── LaunchUncertain           the request left and no reply tells what it did

Each error says in one sentence what is wrong and in a second what to do (``remedy``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from phoenix_nbtrain.text import shown

__all__ = [
    "PASSING",
    "AuthenticationFailed",
    "ConfigError",
    "CoolingDown",
    "CredentialsError",
    "ImageError",
    "InputError",
    "LaunchError",
    "LaunchRefused",
    "LaunchUncertain",
    "ModelNameTaken",
    "NotFound",
    "NotReady",
    "PairError",
    "PermissionDenied",
    "PhoenixError",
    "PlanLimitReached",
    "PriceNotAccepted",
    "ServiceError",
    "ServiceFailed",
    "ServiceUnreachable",
    "StillRunning",
    "StoreBusy",
    "StoreError",
    "Throttled",
    "UnknownName",
]


class PhoenixError(Exception):
    """Base of all errors of the toolkit."""

    message: str
    """What is wrong, in one sentence."""
    remedy: str
    """What to do about it, in one sentence; empty where nothing helps."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take keywords, which plain pickling would lose between processes.
        return _restored, (type(self), self.message, self.__dict__)


def _restored(kind: type[PhoenixError], message: str, state: dict[str, Any]) -> PhoenixError:
    error = kind.__new__(kind, message)
    error.__dict__.update(state)
    return error


class InputError(PhoenixError, ValueError):
    """An argument is not valid. Nothing changed."""


class ConfigError(InputError):
    """An unknown training parameter, or a value it cannot have."""


class ImageError(InputError):
    """A file that is not an image that the service trains on."""


class PairError(InputError):
    """A pair that names an image which is unknown, ambiguous or its own target."""


class ModelNameTaken(InputError):
    """The account has a model of that name which this computer does not know."""

    model_id: str
    """The id of the model that has the name."""

    def __init__(self, message: str, *, model_id: str, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.model_id = model_id


class UnknownName(PhoenixError, AttributeError):
    """A mistyped name of the package or of a training.

    Python adds the nearest name to such an error by itself; IPython, and so every notebook, does
    not.

    Args:
        owner: what has no such name.
        name: the name that was typed.
        known: the names that there are.
    """

    def __init__(self, owner: str, name: str, *, known: Iterable[str]) -> None:
        public = {n.casefold(): n for n in known if not n.startswith("_")}
        near = difflib.get_close_matches(name.casefold(), public, n=1)
        super().__init__(
            f"{owner} has no attribute {shown(name, 40)}.",
            remedy=f"Did you mean {public[near[0]]}?" if near else f"dir({owner}) lists them.",
        )
        # Python adds its own hint to an AttributeError only while this was never set.
        self.obj = None


class CredentialsError(PhoenixError):
    """Credentials are missing, half given, contradictory, or fit several projects."""


class StoreError(PhoenixError):
    """A file of this computer's memory is damaged, foreign or from a newer version."""


class StoreBusy(StoreError):
    """Another process kept the file locked for longer than we wait."""


class ServiceUnreachable(PhoenixError):
    """Phoenix gave no usable reply."""

    sent: bool
    """False only where no byte of the request can have left this computer."""

    def __init__(self, message: str, *, sent: bool, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.sent = sent


class ServiceError(PhoenixError):
    """Phoenix answered, and refused."""

    status: int
    """The HTTP status of the reply."""
    details: Mapping[str, Any]
    """The body's ``details``, as sent, but without secrets that it repeats."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        details: Mapping[str, Any] | None = None,
        remedy: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.details = dict(details or {})


class AuthenticationFailed(ServiceError):
    """The credentials are wrong, or the token has expired."""


class PermissionDenied(ServiceError):
    """The credentials are good, and this is not theirs to do."""


class NotFound(ServiceError):
    """Phoenix has no such model, asset or job in this project."""


class PlanLimitReached(ServiceError):
    """A ceiling of the team's plan. Waiting does not cure it."""

    @property
    def action(self) -> str:
        """What the ceiling is on, for example ``add-training-image``; empty if not said."""
        return str(self.details.get("actionName", ""))

    @property
    def limit(self) -> int | None:
        """The ceiling itself; 0 where the plan has none of it."""
        value = self.details.get("actionLimit")
        return value if isinstance(value, int) else None


class CoolingDown(ServiceError):
    """Launches came too close together."""

    remaining_seconds: float
    """Seconds until the service takes the next launch."""

    def __init__(self, message: str, *, remaining_seconds: float, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.remaining_seconds = remaining_seconds


class Throttled(ServiceError):
    """Too many requests; the same one may pass later."""

    retry_after: float | None
    """Seconds the service asks to wait, where it says."""

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


class ServiceFailed(ServiceError):
    """Phoenix, or a gateway before it, failed."""

    retry_after: float | None
    """Seconds the service asks to wait, where it says."""

    def __init__(self, message: str, *, retry_after: float | None = None, **rest: Any) -> None:
        super().__init__(message, **rest)
        self.retry_after = retry_after


PASSING = (ServiceUnreachable, ServiceFailed, Throttled)
"""Failures after which the same request may succeed a little later."""


class StillRunning(PhoenixError, TimeoutError):
    """The training goes on after the time that ``wait()`` was given. Waiting again is safe."""


class NotReady(PhoenixError, TimeoutError):
    """The file is not made yet. Calling ``download()`` again goes on, and buys nothing."""


class LaunchError(PhoenixError):
    """The launch protocol stopped."""


class PriceNotAccepted(LaunchError):
    """The cost was not accepted, or is no longer the accepted one. Nothing was bought."""


class LaunchRefused(LaunchError):
    """Phoenix refused the launch. Nothing runs and nothing was bought."""

    retry_after: float | None
    """Seconds until a start is sent again, where it is held back meanwhile."""

    def __init__(self, message: str, *, remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after = retry_after


class LaunchUncertain(LaunchError):
    """A launch request left, and no reply says what it did. No second one is sent."""
