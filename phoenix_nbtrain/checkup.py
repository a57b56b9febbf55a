"""What is installed, which Phoenix is talked to, and whether this computer can do its part.

No value of a credential is read into any row: where credentials come from is all that is said.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from phoenix_nbtrain.client.connect import connected, open_local, unchecked
from phoenix_nbtrain.client.credentials import HOSTED_URL, ONLY, find, only_local
from phoenix_nbtrain.client.network import certificates, proxy_for, tls_context
from phoenix_nbtrain.errors import PhoenixError
from phoenix_nbtrain.home import home, writing_in
from phoenix_nbtrain.locks import refuse_without_locks
from phoenix_nbtrain.text import shown

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = "phoenix-nbtrain"
FRONT_ENDS = ("anywidget", "@jupyter-widgets/jupyterlab-manager")
"""What JupyterLab must have to show a widget of ours."""
HOME = "PHOENIX_NBTRAIN_HOME"
LITTLE_SPACE = 1 << 30
"""Bytes; below, a training of some images may not fit."""
Row = tuple[str, str, str]


def doctor() -> pd.DataFrame:
    """Check what the toolkit needs, and say what is amiss and what to do.

    Makes one free read of the Phoenix that would be talked to, for at most five seconds. Changes
    nothing, and shows no credential.

    Returns:
        One row per check: ``check``; ``state``, which is ``ok``, ``warning`` or ``problem``; and
        ``detail``.
    """
    import pandas as pd

    rows: list[Row] = []
    checks = (_python, _packages, _front_ends, _proxy, _certificates)
    for check in (*checks, _phoenix, _data_folder, _worker, _space):
        try:
            rows.extend(check())  # what it has found stays, though it may break off
        except Exception as error:  # Jupyter's own, too, where there is no home, say
            name = check.__name__.lstrip("_").replace("_", " ")
            rows.append((name, "problem", shown(str(error), 200)))
    return pd.DataFrame(rows, columns=["check", "state", "detail"], dtype="str")


def _python() -> Iterator[Row]:
    good = sys.version_info >= (3, 11)
    detail = f"{platform.python_version()} on {platform.system()}"
    yield (
        "python",
        "ok" if good else "problem",
        detail if good else f"{detail}; 3.11 or newer is needed",
    )


def _packages() -> Iterator[Row]:
    try:
        wanted = importlib.metadata.requires(PACKAGE) or []
        yield PACKAGE, "ok", importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        yield PACKAGE, "warning", "not installed as a package, so its requirements are unknown"
        return
    for need in wanted:
        found = re.fullmatch(r"([\w.-]+)\s*>=\s*([\d.]+)(?:\s*;\s*extra == '(\w+)')?", need)
        if found is not None and found[3] in (None, "lab", "serve"):
            yield _package(found[1], least=found[2], extra=found[3])


def _package(name: str, *, least: str, extra: str | None) -> Row:
    where = f"{PACKAGE}[{extra}]" if extra else PACKAGE
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        state = "warning" if extra else "problem"
        return name, state, f"not installed here; pip install '{where}'"
    if _numbers(version) < _numbers(least):
        return name, "problem", f"{version} is too old; pip install -U '{name}>={least}'"
    return name, "ok", version


def _numbers(version: str) -> tuple[int, ...]:
    """Return a version's leading numbers, so that 3.10 comes after 3.9."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _front_ends() -> Iterator[Row]:
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder) for folder in jupyter_path("labextensions")]
    for name in FRONT_ENDS:
        found = next((f / name for f in folders if (f / name / "package.json").is_file()), None)
        if found is not None:
            yield f"front end {name}", "ok", f"in {found}"
        else:
            yield (
                f"front end {name}",
                "warning",
                "not in this environment; if JupyterLab runs from another one, it is needed there",
            )


def _proxy() -> Iterator[Row]:
    proxy = proxy_for(HOSTED_URL)
    yield "proxy", "ok", "none is set" if proxy is None else f"{proxy}, for the hosted Phoenix"


def _certificates() -> Iterator[Row]:
    tls_context()
    yield "certificates", "ok", certificates() or "those of the package certifi"


def _phoenix() -> Iterator[Row]:
    client = connected()
    if client is not None:
        yield "phoenix", "ok", f"{client!r}, connected"
        yield from _reached(client.ping)
        return
    credentials = None if only_local() else find()
    if credentials is None:
        why = f"{ONLY} is set" if only_local() else "no credentials are found"
        yield "phoenix", "ok", f"the local one, since {why}; nothing is charged"
        folder = home() / "local"
        with writing_in(folder):
            there = folder.exists()
        if not there:
            yield "reached", "ok", f"its data folder {folder} is created on first use"
            return
        client = open_local(folder)
    else:
        client = unchecked(credentials)
        kind = "a token" if credentials.bearer_token is not None else "a key and its secret"
        yield "phoenix", "ok", f"{client!r}"
        yield "credentials", "ok", f"{kind}, from: {credentials.source}"
    with closing(client):
        yield from _reached(client.ping)


def _reached(ping: Callable[..., object]) -> Iterator[Row]:
    try:
        ping(patient=False)
    except PhoenixError as error:
        yield "reached", "problem", shown(str(error), 200)
    else:
        yield "reached", "ok", "a free request succeeded"


def _data_folder() -> Iterator[Row]:
    folder = home()
    with writing_in(folder):
        there = folder.exists()
    if not there:
        above = _nearest(folder)
        if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
            refuse_without_locks(above)
            yield "data folder", "ok", f"{folder} is created when something is first saved"
        else:
            yield "data folder", "problem", f"{folder} cannot be created; set {HOME} to another"
        return
    if not folder.is_dir():
        yield "data folder", "problem", f"{folder} is not a folder; set {HOME} to another"
        return
    refuse_without_locks(folder)
    open_to_others = sys.platform != "win32" and folder.stat().st_mode & 0o077
    yield (
        "data folder",
        "warning" if open_to_others else "ok",
        f"{folder}; others can read it: chmod 700" if open_to_others else str(folder),
    )
    for path in sorted([*folder.glob("*.sqlite3"), *folder.glob("local/*.sqlite")]):
        yield _database(path)


def _database(path: Path) -> Row:
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as file:
            said = str(file.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return path.name, "problem", f"cannot be opened: {shown(str(error), 120)}"
    if said != "ok":
        return path.name, "problem", f"is damaged; move it away from {path.parent}"
    return path.name, "ok", f"{path.stat().st_size / 1e6:.1f} MB"


def _worker() -> Iterator[Row]:
    if sys.platform == "win32":
        yield "local training", "warning", "runs on Linux and macOS only"
    else:
        yield "local training", "ok", f"runs here, as {sys.executable}"


def _nearest(folder: Path) -> Path:
    """Return ``folder``, or what exists above it."""
    with writing_in(folder):
        return next(path for path in (folder, *folder.parents) if path.exists())


def _space() -> Iterator[Row]:
    folder = home()
    there = _nearest(folder)
    free = shutil.disk_usage(there).free
    detail = f"{free / 1e9:.1f} GB free at {there}"
    yield "disk space", "ok" if free >= LITTLE_SPACE else "warning", detail
