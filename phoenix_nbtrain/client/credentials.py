"""Where credentials come from, and how they stay unseen."""

from __future__ import annotations

import base64
import contextlib
import errno
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from phoenix_nbtrain.addresses import DEFAULT_PORTS
from phoenix_nbtrain.client.secrecy import Secret
from phoenix_nbtrain.errors import CredentialsError, InputError
from phoenix_nbtrain.home import home
from phoenix_nbtrain.text import ending, shown

HOSTED_URL = "https://api.cloud.scenario.com/v1"
"""The hosted Phoenix; its address and schemes are those of its official SDK."""
ONLY = "PHOENIX_NBTRAIN_ONLY"
"""Set to ``local`` by the tutorial command: whatever credentials there are, none are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Exactly one of a key pair and a bearer token, and where they hold."""

    api_key: Secret | None = None
    api_secret: Secret | None = None
    bearer_token: Secret | None = None
    base_url: str = field(default=HOSTED_URL, repr=False)
    """Not shown: some people put a user name and password into it."""
    project_id: str | None = None
    team_id: str | None = None
    source: str = "arguments"
    """Where they were found, for people: never the values."""
    sent: Secret = field(init=False, repr=False, compare=False)
    """What the ``Authorization`` header holds after its scheme."""

    def __post_init__(self) -> None:
        for name in _SECRETS:
            secret: Secret | None = getattr(self, name)
            if secret is not None and not _fits_a_header(secret):
                # Caught here, since what fails to be sent as a header is quoted in the failure.
                raise CredentialsError(
                    f"The {name} contains invalid characters ({self.source}).",
                    remedy="Copy all of it again, and nothing else.",
                )
        object.__setattr__(self, "sent", self.bearer_token or _pair(self.api_key, self.api_secret))


_WORD_MAX = 12
"""Characters; what is longer is no word that stands for a Phoenix or a kind of credentials."""


class OriginAuth:
    """Signs requests to one origin only, so that nothing else ever gets the credentials."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._origin = _origin(httpx.URL(credentials.base_url))

    def sign(self, request: httpx.Request) -> None:
        """Add the credentials to a request, if it goes where they are for."""
        if _origin(request.url) != self._origin:
            return
        scheme = "Basic" if self._credentials.bearer_token is None else "Bearer"
        request.headers["Authorization"] = f"{scheme} {self._credentials.sent.reveal()}"


def _fits_a_header(secret: Secret) -> bool:
    return (
        secret.reveal().isascii() and secret.reveal().isprintable() and " " not in secret.reveal()
    )


def _pair(key: Secret | None, secret: Secret | None) -> Secret:
    """Return how a key and its secret are sent; empty where there are none."""
    if key is None or secret is None:
        return Secret("")
    return Secret(base64.b64encode(f"{key.reveal()}:{secret.reveal()}".encode()).decode("ascii"))


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return (url.scheme, url.host, url.port or DEFAULT_PORTS.get(url.scheme))


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


def kept(values: Mapping[str, str | Secret | None]) -> dict[str, str | Secret]:
    """Return what is given of ``values``, the secrets among it as `Secret`.

    Made before anything can fail: a traceback may show the variables of each function in it.
    """
    given: dict[str, str | Secret] = {}
    for name, value in values.items():
        if isinstance(value, Secret):
            given[name] = value
        elif isinstance(value, str) and (text := value.strip()):
            given[name] = Secret(text) if name in _SECRETS else text
    return given


def _from(
    given: Mapping[str, str | Secret], names: Mapping[str, str], source: str
) -> Credentials | None:
    """Return the credentials of one source; ``None`` where it holds no secret at all."""
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
    found: dict[str, Any] = dict(given)
    return Credentials(**found, source=source)


def only_local() -> bool:
    """Return whether this kernel is kept to the local Phoenix."""
    return os.environ.get(ONLY) == "local"


def refuse_if_only_local(remedy: str) -> None:
    """Refuse the hosted Phoenix in a kernel that is kept to the local one.

    Raises:
        CredentialsError: it is.
    """
    if only_local():
        raise CredentialsError(
            f"{ONLY}=local keeps this kernel to the local Phoenix.", remedy=remedy
        )


def from_environment() -> Credentials | None:
    """Return the credentials that the environment holds, ours before the service's own.

    Raises:
        CredentialsError: it holds half a key pair, or both kinds at once.
    """
    for names in (_OURS, _SDK, _OTHER_CLIENTS):
        values = kept({k: os.environ.get(v) for k, v in names.items()})
        found = _from(values, names, "environment")
        if found is not None:
            return found
    return None


def called(what: str, name: object) -> str:
    """Return how a name that does not exist is told of: by itself only if it is a plain word.

    Else it may be a key, given in the wrong place.
    """
    plain = isinstance(name, str) and name.isalpha() and len(name) <= _WORD_MAX
    return f"{what} called {name}" if plain else f"such {what}"


def refuse_what_is_no_text(arguments: Mapping[str, type]) -> None:
    """Refuse arguments that are no text.

    Args:
        arguments: their types. Not their values: one may be a secret.

    Raises:
        InputError: one is of another type.
    """
    for name, kind in arguments.items():
        if not issubclass(kind, str):
            raise InputError(
                f"{name} must be text, not a {shown(kind.__name__, 40)}.",
                remedy=f'Write it in quotes: {name}="…".',
            )


def find(explicit: Mapping[str, str | Secret] | None = None) -> Credentials | None:
    """Return the credentials of the first source that has any; sources are never mixed.

    Explicit arguments, as `kept` returns them, then ``PHOENIX_NBTRAIN_*``, then the service's own
    ``SCENARIO_*``, then a saved login.

    Raises:
        CredentialsError: that source cannot be read, holds half a key pair, or both kinds at once, or
            ``PHOENIX_NBTRAIN_BASE_URL`` is set without credentials.
    """
    arguments = explicit or {}
    found = _from(arguments, {}, "arguments")
    if found is not None:
        return found
    _refuse_address_alone()
    found = from_environment()
    if found is not None:
        return _placed(found, arguments)
    values = _saved(login_path())
    found = _from(values, {}, "saved login")
    return None if found is None else _placed(found, arguments)


def login_path() -> Path:
    """Return where the saved login is, or would be."""
    return home() / "login.json"


def _saved(path: Path) -> dict[str, str | Secret]:
    with contextlib.suppress(ValueError):
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:  # there can be none; whoever writes tells
                return {}
            # Not as if there was none: what was meant for the hosted one would go to the local.
            raise CredentialsError(
                f"The saved login in {ending(path.parent)} cannot be read: {error.strerror}.",
                remedy="Make it readable, or delete it and log in again.",
            ) from error
        saved = saved if isinstance(saved, dict) else {}
        return kept({k: v for k, v in saved.items() if k in _OURS and isinstance(v, str)})
    # Not within the handler: what says where a text is no JSON carries all of it.
    raise CredentialsError(
        f"The saved login {path} cannot be read.", remedy="Delete it and log in again."
    )


def _refuse_address_alone() -> None:
    """Refuse an address of ours without credentials: whoever set it means that very service."""
    if os.environ.get(_OURS["base_url"], "").strip() and not any(
        os.environ.get(_OURS[name], "").strip() for name in _SECRETS
    ):
        raise CredentialsError(
            f"{_OURS['base_url']} is set without credentials for it.",
            remedy=f"Set {_OURS['api_key']} and {_OURS['api_secret']} with it, or unset it.",
        )


def _placed(found: Credentials, arguments: Mapping[str, str | Secret]) -> Credentials:
    """Return ``found`` with the project and team that the call names.

    Its base URL stays: credentials are for the service they were given for.
    """
    from dataclasses import replace

    if "base_url" in arguments and arguments["base_url"] != found.base_url:
        raise CredentialsError(
            f"base_url differs from the one the credentials are for ({found.source}).",
            remedy="Pass api_key and api_secret, or bearer_token, with base_url.",
        )
    scope: dict[str, Any] = {k: arguments[k] for k in ("project_id", "team_id") if k in arguments}
    return replace(found, **scope)
