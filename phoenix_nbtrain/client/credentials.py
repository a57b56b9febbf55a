"""Where credentials come from, and how they stay unseen."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import httpx

from phoenix_nbtrain.errors import CredentialsError, InputError, shown
from phoenix_nbtrain.home import ending, home

__all__ = [
    "HOSTED_URL",
    "Credentials",
    "OriginAuth",
    "Secret",
    "find",
    "from_environment",
    "refuse_what_is_no_text",
]

HOSTED_URL = "https://api.cloud.scenario.com/v1"
"""The hosted Phoenix; its address and schemes are those of its official SDK."""


class Secret:
    """A value that no repr, log, pickle or copy shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Only the auth hook calls this."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Exactly one of a key pair and a bearer token, and where they hold."""

    api_key: Secret | None = None
    api_secret: Secret | None = None
    bearer_token: Secret | None = None
    base_url: str = HOSTED_URL
    project_id: str | None = None
    team_id: str | None = None
    source: str = "arguments"
    """Where they were found, for people: never the values."""

    def __post_init__(self) -> None:
        for name in _SECRETS:
            secret = getattr(self, name)
            value = secret.reveal() if secret is not None else ""
            if not value.isascii() or not value.isprintable() or " " in value:
                # Caught here, since what fails to be sent as a header is quoted in the failure.
                raise CredentialsError(
                    f"The {name} holds characters that none has ({self.source}).",
                    remedy="Copy it again, alone and whole.",
                )


class OriginAuth:
    """Signs requests to one origin only, so that nothing else ever gets the credentials."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._origin = _origin(httpx.URL(credentials.base_url))

    def sign(self, request: httpx.Request) -> None:
        """Add the credentials to a request, if it goes where they are for."""
        if _origin(request.url) != self._origin:
            return
        given = self._credentials
        if given.bearer_token is not None:
            request.headers["Authorization"] = f"Bearer {given.bearer_token.reveal()}"
        elif given.api_key is not None and given.api_secret is not None:
            pair = f"{given.api_key.reveal()}:{given.api_secret.reveal()}".encode()
            request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode('ascii')}"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return (url.scheme, url.host, url.port or default)


_OURS = {
    "api_key": "PHOENIX_NBTRAIN_API_KEY",
    "api_secret": "PHOENIX_NBTRAIN_API_SECRET",
    "bearer_token": "PHOENIX_NBTRAIN_BEARER_TOKEN",
    "base_url": "PHOENIX_NBTRAIN_BASE_URL",
    "project_id": "PHOENIX_NBTRAIN_PROJECT_ID",
    "team_id": "PHOENIX_NBTRAIN_TEAM_ID",
}
_SDK = {
    "api_key": "SCENARIO_SDK_API_KEY",
    "api_secret": "SCENARIO_SDK_API_SECRET",
    "bearer_token": "SCENARIO_SDK_JWT",
    "base_url": "SCENARIO_BASE_URL",
}
_OTHER_CLIENTS = {
    "api_key": "SCENARIO_API_KEY",
    "api_secret": "SCENARIO_API_SECRET",
    "base_url": "SCENARIO_BASE_URL",
}
_SECRETS = ("api_key", "api_secret", "bearer_token")


def _from(values: Mapping[str, str], names: Mapping[str, str], source: str) -> Credentials | None:
    """Return the credentials of one source; ``None`` where it holds no secret at all."""
    given = {k: v.strip() for k, v in values.items() if v and v.strip()}
    if not any(k in given for k in _SECRETS):
        return None
    named = {k: names.get(k, k) for k in _SECRETS}
    if "bearer_token" in given and ("api_key" in given or "api_secret" in given):
        raise CredentialsError(
            f"Both a key and a token are given ({source}).",
            remedy=f"Keep either {named['api_key']} with its secret or {named['bearer_token']}.",
        )
    if "bearer_token" not in given and not ("api_key" in given and "api_secret" in given):
        missing = "api_secret" if "api_key" in given else "api_key"
        raise CredentialsError(
            f"Only half of the key pair is given ({source}).", remedy=f"Set {named[missing]} too."
        )
    wrapped: dict[str, Any] = {k: Secret(v) if k in _SECRETS else v for k, v in given.items()}
    return Credentials(**wrapped, source=source)


def from_environment() -> Credentials | None:
    """Return the credentials that the environment holds, ours before the service's own.

    Raises:
        CredentialsError: it holds half a key pair, or both kinds at once.
    """
    for names in (_OURS, _SDK, _OTHER_CLIENTS):
        values = {k: os.environ.get(v, "") for k, v in names.items()}
        found = _from(values, names, "environment")
        if found is not None:
            return found
    return None


def refuse_what_is_no_text(arguments: Mapping[str, object]) -> None:
    """Refuse arguments that are no text. Their values are not shown: one may be a secret.

    Raises:
        InputError: one is of another type.
    """
    for name, value in arguments.items():
        if value is not None and not isinstance(value, str):
            raise InputError(
                f"{name} is a {shown(type(value).__name__, 40)}, not a text.",
                remedy=f'Write it in quotes: {name}="…".',
            )


def find(explicit: Mapping[str, str | None] | None = None) -> Credentials | None:
    """Return the credentials of the first source that has any; sources are never mixed.

    Explicit arguments, then ``PHOENIX_NBTRAIN_*``, then the service's own ``SCENARIO_*``, then a
    saved login.

    Raises:
        CredentialsError: that source cannot be read, holds half a key pair, or both kinds at once, or
            ``PHOENIX_NBTRAIN_BASE_URL`` is set without credentials.
    """
    arguments = {k: v for k, v in (explicit or {}).items() if v is not None}
    found = _from(arguments, {}, "arguments")
    if found is not None:
        return found
    _refuse_address_alone()
    found = from_environment()
    if found is not None:
        return _placed(found, arguments)
    path = home() / "login.json"
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        # Not as if there was none: what was meant for the hosted Phoenix would go to the local one.
        raise CredentialsError(
            f"The saved login in {ending(path.parent)} cannot be read: {error.strerror}.",
            remedy="Make it readable, or delete it and log in again.",
        ) from error
    except ValueError as error:
        raise CredentialsError(
            f"The saved login {path} cannot be read.", remedy="Delete it and log in again."
        ) from error
    saved = saved if isinstance(saved, dict) else {}
    values = {k: v for k, v in saved.items() if k in _OURS and isinstance(v, str)}
    found = _from(values, {}, "saved login")
    return None if found is None else _placed(found, arguments)


def _refuse_address_alone() -> None:
    """Refuse an address of ours without credentials: whoever set it means that very service."""
    if os.environ.get(_OURS["base_url"], "").strip() and not any(
        os.environ.get(_OURS[name], "").strip() for name in _SECRETS
    ):
        raise CredentialsError(
            f"{_OURS['base_url']} is set without credentials for it.",
            remedy=f"Set {_OURS['api_key']} and {_OURS['api_secret']} with it, or unset it.",
        )


def _placed(found: Credentials, arguments: Mapping[str, str]) -> Credentials:
    """Return ``found`` with the project and team that the call names.

    Its base URL stays: credentials are for the service they were given for.
    """
    from dataclasses import replace

    if "base_url" in arguments and arguments["base_url"] != found.base_url:
        raise CredentialsError(
            f"base_url differs from the one the credentials are for ({found.source}).",
            remedy="Pass api_key and api_secret, or bearer_token, with base_url.",
        )
    return replace(
        found,
        project_id=arguments.get("project_id", found.project_id),
        team_id=arguments.get("team_id", found.team_id),
    )
