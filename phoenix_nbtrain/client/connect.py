"""Which Phoenix is talked to."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import httpx

from phoenix_nbtrain.addresses import LOOPBACK, canonical_address
from phoenix_nbtrain.client.credentials import (
    Credentials,
    OriginAuth,
    called,
    find,
    kept,
    login_path,
    only_local,
    refuse_if_only_local,
    refuse_what_is_no_text,
)
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.client.secrecy import Secret, without_secrets
from phoenix_nbtrain.client.sockets import SocketTransport
from phoenix_nbtrain.client.transport import Transport
from phoenix_nbtrain.errors import CredentialsError, InputError, PhoenixError, ServiceUnreachable
from phoenix_nbtrain.forks import after_fork
from phoenix_nbtrain.home import folder_given, home
from phoenix_nbtrain.text import shown

LOCAL_URL = "http://phoenix.local/v1"
"""The local Phoenix's address inside this process; no socket is ever opened for it."""
LOCAL_HEADER = "x-phoenix-local"

_default: Phoenix | None = None
_failed = False
"""Whether the last `connect` failed: then no Phoenix is chosen unasked in place of the one meant."""
_login_seen = 0
"""When the saved login was written that was looked at last."""
_lock = threading.Lock()
_parents: Callable[[], Phoenix] | None = None
"""In a forked process: opens what the process that forked it was connected to."""
told: set[Callable[[Phoenix], object]] = set()
"""Called with each Phoenix that is connected. Must not block."""


def connect(
    to: Literal["local", "hosted"] | None = None,
    *,
    api_key: str | None = None,
    api_secret: str | None = None,
    bearer_token: str | None = None,
    base_url: str | None = None,
    project_id: str | None = None,
    team_id: str | None = None,
    data_dir: str | Path | None = None,
) -> Phoenix:
    """Choose the Phoenix for what follows, and return it.

    A call that fails leaves the connection that there was. Where there was none, nothing is
    connected until a call succeeds, so that no later cell goes to another Phoenix instead.

    Args:
        to: ``"local"``, ``"hosted"``, or nothing: hosted where credentials are found, else local.
        api_key: with ``api_secret``, one kind of credentials.
        api_secret: see ``api_key``.
        bearer_token: the other kind.
        base_url: the service's address, only together with credentials.
        project_id: needed with a bearer token that reaches several projects.
        team_id: the team whose projects are read.
        data_dir: the local Phoenix's data folder, instead of the one in this user's data.

    Raises:
        InputError: an argument is not of its type, or there is no Phoenix called ``to``.
        CredentialsError: ``"local"`` was given credentials, none are found, half are, both kinds are, or the project is ambiguous.
        AuthenticationFailed: they are wrong; one free read finds out.
        ServiceUnreachable: the service cannot be reached.
    """
    global _failed
    given = {
        "api_key": api_key,
        "api_secret": api_secret,
        "bearer_token": bearer_token,
        "base_url": base_url,
        "project_id": project_id,
        "team_id": team_id,
    }
    kinds = {name: type(value) for name, value in given.items() if value is not None}
    explicit = kept(given)
    del api_key, api_secret, bearer_token, given
    try:
        client = _opened(to, kinds, explicit, data_dir)
    except BaseException:
        _failed = True
        del to  # which may be a key, given in the wrong place
        raise
    use(client)
    return client


def _opened(
    to: object,
    kinds: Mapping[str, type],
    explicit: Mapping[str, str | Secret],
    data_dir: str | Path | None,
) -> Phoenix:
    """Return the Phoenix that `connect` is asked for.

    Args:
        to: as for `connect`.
        kinds: the types of the arguments that were given, by name.
        explicit: their values, as `kept` returns them.
        data_dir: as for `connect`.
    """
    if to is not None and (not isinstance(to, str) or to not in ("local", "hosted")):
        words = f"There is no {called('Phoenix', to)}."
        del to
        raise InputError(words, remedy='Use "local" or "hosted".')
    refuse_what_is_no_text(kinds)
    folder = None if data_dir is None else folder_given(data_dir, "data_dir")
    _warn_of_literals(v for v in explicit.values() if isinstance(v, Secret))
    unused = list(kinds)
    if to == "local" and unused:
        raise CredentialsError(
            f"The local Phoenix takes no {' and no '.join(unused)}.",
            remedy='Leave out "local" to use them, or leave them out to stay local.',
        )
    if to == "hosted":
        refuse_if_only_local(
            "Tutorials run on the local Phoenix; use a notebook of your own for the hosted one."
        )
    credentials = None if to == "local" or only_local() else find(explicit)
    if credentials is None and to == "hosted":
        raise CredentialsError(
            "No credentials for the hosted Phoenix were found.",
            remedy="Set PHOENIX_NBTRAIN_API_KEY and PHOENIX_NBTRAIN_API_SECRET.",
        )
    if credentials is None:
        if "base_url" in kinds:
            raise CredentialsError(
                "A base_url needs credentials.", remedy="Pass api_key and api_secret with it."
            )
        return open_local(folder or home() / "local")
    return open_remote(credentials)


def use(client: Phoenix) -> None:
    """Make ``client`` the one for what follows, and tell those who talk to the same service."""
    global _default, _failed
    with _lock:
        _default, _failed = client, False
    for hear in list(told):
        hear(client)


def same_place(before: Phoenix, after: Phoenix) -> bool:
    """Return whether both are one service and, as far as they say it, one project."""
    projects = {p for p in (before.project_id, after.project_id) if p}
    return before.origin == after.origin and len(projects) <= 1


def look_for_login() -> None:
    """Go on with a login that another kernel has saved since, if it is for what is in use here.

    For when a token has expired. Each saved login is looked at once, by one free read. What was
    connected with other credentials than a login's is left alone: sources are never mixed.
    """
    global _login_seen
    before = connected()
    if before is None or before.source not in ("saved login", "prompt"):
        return
    try:
        saved = login_path().stat().st_mtime_ns
        if saved == _login_seen:
            return
        _login_seen = saved
        credentials = find()
        if credentials is None or credentials.source != "saved login":
            return
        client = open_remote(credentials)
    except (OSError, PhoenixError):
        return  # none, or it is of no use: what was refused stays so
    if same_place(before, client):
        use(client)
    else:
        client.close()


def default_client() -> Phoenix:
    """Return the Phoenix of the last `connect`, connecting as it would if there was none.

    Raises:
        ServiceUnreachable: the last `connect` failed, and none has succeeded before.
        CredentialsError, AuthenticationFailed, ServiceUnreachable: as `connect`.
    """
    with _lock:
        client, failed = _default, _failed
    if client is None and _parents is not None:
        client = _parents()
        use(client)
    if client is not None:
        return client
    if failed:
        raise ServiceUnreachable(
            "Nothing is connected: the last nbt.connect() failed.",
            sent=False,
            remedy="Run it again until it succeeds.",
        )
    client = _opened(None, {}, {}, None)
    use(client)
    return client


@after_fork
def _forget() -> None:
    """Begin anew in a forked process, with a connection of its own to the very same Phoenix."""
    global _default, _lock, _parents
    if _default is not None:
        _parents = _default.reopen
    _default, _lock = None, threading.Lock()


def connected() -> Phoenix | None:
    """Return the Phoenix of the last `connect`, or ``None``; connects to nothing."""
    with _lock:
        return _default


def open_local(data_dir: Path) -> Phoenix:
    """Return the local Phoenix of a data folder, which is made where there is none."""
    from phoenix_nbtrain.local.app import create_app
    from phoenix_nbtrain.local.store import origin_id

    app = create_app(data_dir)

    def open_wire() -> httpx.BaseTransport:
        return httpx.WSGITransport(app=app, raise_app_exceptions=False)

    return Phoenix(
        Transport(base_url=LOCAL_URL, open_wire=open_wire, open_foreign=SocketTransport),
        origin=f"local:{origin_id(data_dir)}",
        is_local=True,
        in_process=True,
        reopen=lambda: open_local(data_dir),
    )


def open_remote(credentials: Credentials) -> Phoenix:
    """Return a Phoenix that took these credentials in one free read.

    Raises:
        CredentialsError: they would be sent in the clear, or the project is ambiguous.
        AuthenticationFailed, ServiceUnreachable: that read failed.
    """
    if credentials.bearer_token is not None and credentials.project_id is None:
        with closing(unchecked(credentials)) as asking:
            project_id = _only_project(asking, credentials.team_id)
        credentials = replace(credentials, project_id=project_id)
    client = unchecked(credentials)
    try:
        reply = client.ping()
    except BaseException:
        client.close()
        raise
    # Believed of this computer's own services only: a remote one must not call itself free.
    local_id = reply.headers.get(LOCAL_HEADER) if _is_loopback(credentials) else None
    if local_id is None:
        return client
    client.close()
    return unchecked(credentials, local_id=local_id)


def unchecked(credentials: Credentials, *, local_id: str | None = None) -> Phoenix:
    """Return a Phoenix with these credentials; nothing is read yet.

    Args:
        credentials: whose, and for which service.
        local_id: the id of the local Phoenix, where it is one that is served.

    Raises:
        CredentialsError: they would be sent in the clear, or their address is none.
    """
    try:
        url = httpx.URL(credentials.base_url)
    except (httpx.InvalidURL, ValueError):
        url = httpx.URL()
    missing = not url.host or not 0 <= (url.port or 0) < 1 << 16
    more, scheme = bool(url.userinfo or url.query or url.fragment), url.scheme
    del url  # with what may be credentials, which a traceback would show
    if missing:
        raise CredentialsError(
            f"The base URL {shown(_address(credentials.base_url))} is incomplete.",
            remedy="Write https://host/v1, with the service's host.",
        )
    if more:
        raise CredentialsError(
            "The base URL contains more than an address.",
            remedy="Give credentials as api_key and api_secret, or bearer_token.",
        )
    if scheme != "https" and not (scheme == "http" and _is_loopback(credentials)):
        raise CredentialsError(
            f"The base URL {shown(_address(credentials.base_url))} is not https.",
            remedy="Credentials are sent over https only.",
        )
    project_id = credentials.project_id
    return Phoenix(
        Transport(
            base_url=credentials.base_url,
            open_wire=SocketTransport,
            sign=OriginAuth(credentials).sign,
            params={"projectId": project_id} if project_id else {},
        ),
        origin=f"local:{without_secrets(local_id)}"
        if local_id
        else canonical_address(credentials.base_url),
        is_local=local_id is not None,
        project_id=project_id,
        team_id=credentials.team_id,
        source=credentials.source,
        reopen=lambda: unchecked(credentials, local_id=local_id),
    )


def _address(base_url: str) -> str:
    """Return a base URL as it may be shown: without what may be a user name and a password."""
    return without_secrets(base_url.rpartition("@")[2])


def _is_loopback(credentials: Credentials) -> bool:
    return httpx.URL(credentials.base_url).host in LOOPBACK


def _only_project(client: Phoenix, team_id: str | None) -> str:
    projects = [p for p in client.list_projects() if team_id is None or p.team_id == team_id]
    if len(projects) == 1:
        return projects[0].id
    if not projects:
        raise CredentialsError(
            "The token has no access to any project.", remedy="Pass project_id=, or check team_id=."
        )
    listed = ", ".join(f"{shown(p.id, 30)} ({shown(p.name, 20)})" for p in projects[:3])
    more = f" and {len(projects) - 3} more" if len(projects) > 3 else ""
    raise CredentialsError(
        f"The token has access to several projects: {listed}{more}.", remedy="Pass project_id=."
    )


def _warn_of_literals(secrets: Iterable[Secret]) -> None:
    """Warn where a secret stands in the notebook's own text."""
    ipython = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython is not None else None
    try:
        cell = shell.history_manager.input_hist_raw[-1] if shell is not None else ""
    except (AttributeError, IndexError, PhoenixError):
        return
    if any(secret.reveal() in cell for secret in secrets):
        warnings.warn_explicit(
            f"Cell {shell.execution_count} contains a credential, which is saved with the "
            "notebook. Move it to PHOENIX_NBTRAIN_API_KEY and PHOENIX_NBTRAIN_API_SECRET, "
            "and create a new one.",
            UserWarning,
            # Not the cell's own file, of which the line with the credential would be shown.
            "<phoenix_nbtrain>",
            1,
        )
