"""Credentials that are asked for once and kept for this user."""

from __future__ import annotations

import getpass
import json
import warnings
from collections.abc import Mapping
from typing import Literal

from phoenix_nbtrain.client.connect import connected, open_remote, same_place, use
from phoenix_nbtrain.client.credentials import (
    HOSTED_URL,
    Credentials,
    called,
    from_environment,
    login_path,
    refuse_if_only_local,
    refuse_what_is_no_text,
)
from phoenix_nbtrain.client.secrecy import Secret
from phoenix_nbtrain.errors import CredentialsError, InputError, StoreError
from phoenix_nbtrain.home import write_whole, writing_in


class Said(str):
    """A sentence for people, which a notebook shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def login(
    kind: Literal["key", "token"] = "key",
    *,
    base_url: str | None = None,
    project_id: str | None = None,
    team_id: str | None = None,
) -> Said:
    """Ask for credentials, check them with one free read, and keep them for this user.

    They are typed into a prompt that shows nothing, never into the notebook, and saved in this
    user's data folder, readable by nobody else. `connect` finds them, after the environment's.

    Args:
        kind: ``"key"`` asks for an API key and its secret, ``"token"`` for a bearer token.
        base_url: the service they are for, if it is not the hosted Phoenix's own address.
        project_id: needed with a token that reaches several projects.
        team_id: the team whose projects are read.

    Returns:
        A sentence that says where they are kept and what comes before them.

    Raises:
        InputError: there is no such kind, or an argument is no text.
        CredentialsError: nothing was typed, nobody can be asked here, or the project is ambiguous.
        AuthenticationFailed: they are wrong. Nothing is saved.
        ServiceUnreachable: the service cannot be reached. Nothing is saved.
    """
    if not isinstance(kind, str) or kind not in ("key", "token"):
        words = f"There is no {called('kind', kind)}."
        del kind  # which may be a key, given in the wrong place
        raise InputError(words, remedy='Use "key" or "token".')
    refuse_if_only_local("Log in from a notebook of your own.")
    base_url = HOSTED_URL if base_url is None else base_url
    places = {"base_url": base_url, "project_id": project_id, "team_id": team_id}
    refuse_what_is_no_text({k: type(v) for k, v in places.items() if v is not None})
    asked = {"key": ("api_key", "api_secret"), "token": ("bearer_token",)}[kind]
    given = {name: _asked(name) for name in asked}
    credentials = Credentials(
        **given, base_url=base_url, project_id=project_id, team_id=team_id, source="prompt"
    )
    client = open_remote(credentials)
    places["project_id"] = client.project_id
    _save(given, {name: value for name, value in places.items() if value is not None})
    first = from_environment() is None
    before = connected()
    if first and before is not None and same_place(before, client):
        use(client)  # what talks to that service goes on with the new login
    else:
        client.close()
    ahead = "" if first else " Credentials from the environment take precedence."
    return Said(
        f"Logged in. Saved in {login_path()}, which only you can read; nbt.connect() uses "
        f"it.{ahead}"
    )


def logout() -> Said:
    """Delete the saved login. What is connected stays connected until the kernel ends.

    Returns:
        A sentence that says whether there was one.

    Raises:
        StoreError: it cannot be deleted.
    """
    try:
        with writing_in(login_path().parent):
            login_path().unlink()
    except StoreError as error:
        if not isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise
        return Said(f"There was no saved login in {login_path()}.")
    return Said(
        f"Deleted the saved login in {login_path()}. The key itself stays valid on the service."
    )


def _save(secrets: Mapping[str, Secret], places: Mapping[str, str]) -> None:
    try:
        saved = {name: secret.reveal() for name, secret in secrets.items()} | dict(places)
        write_whole(login_path(), json.dumps(saved).encode("utf-8"))
    except StoreError as error:
        failure = StoreError(error.message, remedy=error.remedy)
    else:
        return
    # A new one, since a traceback may show the variables of the functions that were to write.
    del saved
    raise failure


def _asked(name: str) -> Secret:
    label = {"api_key": "API key", "api_secret": "API secret", "bearer_token": "Bearer token"}[name]
    try:
        with warnings.catch_warnings():
            # Where the prompt cannot hide what is typed, it warns first: then nothing is asked.
            warnings.simplefilter("error", getpass.GetPassWarning)
            typed = Secret(getpass.getpass(f"{label}: ").strip())
    except (EOFError, NotImplementedError, getpass.GetPassWarning):
        raise CredentialsError(
            "Typed text cannot be hidden here.",
            remedy="Set PHOENIX_NBTRAIN_API_KEY and PHOENIX_NBTRAIN_API_SECRET instead.",
        ) from None
    if not typed.reveal():
        raise CredentialsError(f"No {label} was entered.", remedy="Nothing was saved.")
    return typed
