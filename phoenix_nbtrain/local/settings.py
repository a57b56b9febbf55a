"""What can be set about a local Phoenix: the ceilings of its plan, so that each refusal can be met.

Kept in the data folder, so they hold for every process that opens it. `phoenix-nbtrain settings`
shows and changes them; a notebook calls `set_settings`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.text import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one data folder. The defaults refuse as little as the service does."""

    training_images: int = 50
    """Most images of one model: the training guide's hard maximum."""
    parallel_trainings: int = 10
    """Most unfinished trainings; one runs at a time, the others wait. 0 is a plan without any."""
    cooldown_seconds: float = 0.0
    """Least time between two launches."""
    balance: Decimal | None = None
    """Simulated creative units left; ``None`` where nothing is counted, as nothing is charged."""
    discount: Decimal = Decimal(0)
    """Share of every simulated price that is taken off, 0 to 1."""
    import_private: bool = False
    """Whether images may be imported from addresses that are not public, such as this
    computer's own. Off, so that no URL reaches what only this computer can reach."""
    import_served: bool = False
    """Whether a served Phoenix imports images from URLs at all. Off, so that whoever has its key
    sends no requests to the web from this computer."""


def load(connection: sqlite3.Connection) -> Settings:
    """Return the settings as they are now, within the caller's transaction."""
    row = connection.execute("SELECT value FROM settings WHERE name = 'limits'").fetchone()
    kept: dict[str, Any] = json.loads(row[0]) if row else {}
    known = {field.name for field in fields(Settings)}
    found = {name: value for name, value in kept.items() if name in known}
    for name in ("balance", "discount"):
        if found.get(name) is not None:
            found[name] = Decimal(str(found[name]))
    return Settings(**found)


def save(connection: sqlite3.Connection, settings: Settings) -> None:
    """Write the settings within the caller's transaction."""
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    # The row is still called what it was called when there were limits only.
    connection.execute(
        "INSERT INTO settings VALUES ('limits', ?)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (json.dumps(values, default=str),),  # Decimals as text, which loses nothing
    )


def changed(settings: Settings, assignments: Sequence[str]) -> Settings:
    """Return ``settings`` after assignments such as ``cooldown_seconds=30``.

    Raises:
        InputError: one names no setting, or gives it a value that it cannot have.
    """
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, given, text = (part.strip() for part in assignment.partition("="))
        if name not in _READERS:
            raise InputError(
                f"There is no setting {shown(name, 40)}.", remedy=f"There is {', '.join(_READERS)}."
            )
        read, expected = _READERS[name]
        try:
            values[name] = read(text.lower())
        except (ValueError, InvalidOperation):
            what = shown(text, 30) if given else "nothing"
            raise InputError(
                f"{name} cannot be {what}.", remedy=f"Give {expected}: {name}=…"
            ) from None
    return replace(settings, **values)


def set_settings(data_dir: str | Path, **settings: object) -> None:
    """Set the settings of a data folder: those that are given, and the defaults of all others.

    Args:
        data_dir: the local Phoenix's data folder, made where there is none.
        settings: fields of `Settings` by name.

    Raises:
        InputError: there is no such setting, or it cannot have that value; nothing was changed.
        StoreError: the data folder cannot be used.

    Example:
        ``set_settings("phoenix-practice", balance=1)`` leaves one creative unit to spend.
    """
    wanted = changed(Settings(), [f"{name}={value}" for name, value in settings.items()])
    with Store(Path(data_dir).expanduser()).writing() as connection:
        save(connection, wanted)


def written(settings: Settings) -> Mapping[str, tuple[str, str]]:
    """Return for each setting its value as `changed` takes it, and what it may be."""
    return {
        name: (f"{getattr(settings, name)}".lower(), expected)
        for name, (_, expected) in _READERS.items()
    }


def _whole(most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and int(text) <= most):
            raise ValueError
        return int(text)

    return read


def _decimal(most: int) -> Callable[[str], Decimal]:
    def read(text: str) -> Decimal:
        value = Decimal(text)
        if not (value.is_finite() and 0 <= value <= most and -value.as_tuple().exponent <= 6):  # type: ignore[operator]  # finite, so a number
            raise ValueError
        return value + 0  # no minus zero

    return read


def _balance(text: str) -> Decimal | None:
    return None if text == "none" else _decimal(10**9)(text)


def _switch(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


_READERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "training_images": (_whole(1000), "a whole number up to 1000"),
    "parallel_trainings": (_whole(100), "a whole number up to 100"),
    "cooldown_seconds": (lambda text: float(_decimal(86_400)(text)), "seconds up to 86400"),
    "balance": (_balance, "creative units, or none for no counting"),
    "discount": (_decimal(1), "a share from 0 to 1"),
    "import_private": (_switch, "true or false"),
    "import_served": (_switch, "true or false"),
}
"""How each is read from a command line, and what it takes, for people."""
