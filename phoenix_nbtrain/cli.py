"""The command line: the tutorial, the tool's seven actions, and a served local Phoenix."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from phoenix_nbtrain import __version__
from phoenix_nbtrain.errors import InputError, PhoenixError
from phoenix_nbtrain.text import shown

FIRST_NOTEBOOK = "01_first_model.ipynb"
_CREDENTIALS = ("PHOENIX_NBTRAIN_", "SCENARIO_")
_NOT_CREDENTIALS = ("PHOENIX_NBTRAIN_HOME",)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 where all went well, 1 where Phoenix refused or a notebook failed, 2 for bad input.
    """
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except InputError as error:
        print(f"phoenix-nbtrain: {error}", file=sys.stderr)
        return 2
    except (PhoenixError, OSError) as error:
        print(f"phoenix-nbtrain: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="phoenix-nbtrain", description="Train custom image models on Phoenix."
    )
    parser.add_argument("--version", action="version", version=f"phoenix-nbtrain {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    tutorial = commands.add_parser(
        "tutorial", help="open the first tutorial in JupyterLab, on the local Phoenix"
    )
    tutorial.add_argument(
        "--to",
        type=Path,
        default=Path("phoenix-tutorials"),
        metavar="DIR",
        help="folder for your copy of the tutorials (phoenix-tutorials)",
    )
    only = tutorial.add_mutually_exclusive_group()
    only.add_argument("--copy", action="store_true", help="only copy the notebooks")
    only.add_argument(
        "--execute", action="store_true", help="run it without a browser and save the result"
    )
    tutorial.add_argument(
        "--notebook", default=FIRST_NOTEBOOK, metavar="NAME", help=f"which one ({FIRST_NOTEBOOK})"
    )
    tutorial.add_argument(
        "jupyter", nargs="*", metavar="-- OPTION", help="options for JupyterLab, after --"
    )
    tutorial.set_defaults(run=_tutorial)

    train = commands.add_parser("train", help="one action of the train tool")
    train.add_argument("action")
    train.add_argument("--model-id", default="")
    train.add_argument("--training-image-id")
    train.add_argument("--images", nargs="+", metavar="ASSET_ID_OR_PATH")
    train.add_argument("--image-data", type=_json, metavar="JSON")
    train.add_argument("--config", type=_json, metavar="JSON")
    train.add_argument("--dry-run", action="store_true")
    train.add_argument("--again", action="store_true")
    train.add_argument("--max-cost", metavar="AMOUNT")
    train.add_argument("--team-id")
    train.add_argument("--project-id")
    train.add_argument("--response-format", default="json", choices=["json", "markdown"])
    train.set_defaults(run=_train)

    serve = commands.add_parser("serve", help="serve the local Phoenix on this computer")
    serve.add_argument("--port", type=_port, default=0)
    serve.add_argument("--data-dir", type=Path)
    serve.set_defaults(run=_serve)

    settings = commands.add_parser(
        "settings", help="show or change the local Phoenix's limits, balance and discount"
    )
    settings.add_argument("--data-dir", type=Path)
    settings.add_argument("assignments", nargs="*", metavar="NAME=VALUE")
    settings.set_defaults(run=_settings)
    return parser


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{shown(text, 40)} is not JSON: {error}") from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{shown(text, 20)} is not a port; 0 picks a free one")
    return int(text)


def _needs_posix() -> None:
    """Say at once what else would end in a worker that never starts."""
    if sys.platform == "win32":
        raise InputError(
            "The local Phoenix trains on Linux and macOS only.",
            remedy="On Windows use WSL, or connect to a hosted Phoenix.",
        )


# -- tutorial -----------------------------------------------------------------------------------


def _tutorial(arguments: argparse.Namespace) -> int:
    folder = arguments.to.expanduser()
    notebook = _copied(folder, arguments.notebook)
    if arguments.copy:
        print(f"The tutorials are in {folder.resolve()}")
        return 0
    _needs_posix()
    if arguments.execute:
        return _execute(notebook)
    if find_spec("jupyterlab") is None:
        raise InputError(
            "JupyterLab is not installed.", remedy='pip install "phoenix-nbtrain[lab]"'
        )
    command = [sys.executable, "-m", "jupyterlab", notebook.name, *arguments.jupyter]
    if os.geteuid() == 0:
        # Containers run as root, where JupyterLab wants to be told that this is meant. It
        # listens on this computer only, behind a token of its own.
        command.append("--allow-root")
    return subprocess.call(command, cwd=folder, env=local_environment())


def local_environment() -> dict[str, str]:
    """Return this environment without any credentials, so that a kernel finds the local Phoenix."""
    from phoenix_nbtrain.client.credentials import ONLY

    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_CREDENTIALS) or name in _NOT_CREDENTIALS
    }
    # A saved login would be found otherwise; the tutorial is never about somebody's account.
    return kept | {ONLY: "local"}


def _notebooks() -> Path:
    """Return where the tutorials are: inside the wheel, or beside the package in a clone."""
    here = Path(__file__).parent
    packaged = here / "notebooks"
    return packaged if packaged.is_dir() else here.parent / "notebooks"


def _copied(folder: Path, name: str) -> Path:
    """Copy the tutorials into ``folder`` and return the one called ``name``.

    A copy that differs, because it was edited or saved with outputs, is kept as it is.
    """
    names = sorted(path.name for path in _notebooks().glob("*.ipynb"))
    if name not in names:
        raise InputError(
            f"There is no tutorial {shown(name, 40)}.", remedy=f"There is {', '.join(names)}."
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in (_notebooks() / n for n in names):
            target = folder / source.name
            if not target.exists():
                shutil.copyfile(source, target)
            elif target.read_bytes() != source.read_bytes():
                print(f"{target} was changed here and was left unchanged.")
    except OSError as error:
        raise InputError(
            f"The tutorials cannot be copied to {shown(str(folder), 80)}: {error.strerror}.",
            remedy="Choose another folder with --to.",
        ) from error
    return folder / name


_HOW_IT_ENDED = """
import json as _json
from phoenix_nbtrain import Training as _Training
print(_json.dumps([
    [_t.name, _t.status] for _t in dict(globals()).values() if isinstance(_t, _Training)
]))
"""


def _execute(notebook: Path) -> int:
    """Run a notebook from top to bottom and save it, with its outputs, and as a page."""
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellControlSignal
        from nbconvert import HTMLExporter
    except ImportError as error:
        raise InputError(
            "Running a notebook needs Jupyter.", remedy='pip install "phoenix-nbtrain[lab]"'
        ) from error
    document = nbformat.read(notebook, as_version=4)
    # The trainings themselves are asked how they ended: the notebook's own words may be anything.
    document.cells.append(nbformat.v4.new_code_cell(_HOW_IT_ENDED))
    client = NotebookClient(
        document,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": notebook.parent}},
    )
    failure, ended = "", []
    try:
        client.execute(env=local_environment())
        ended = json.loads(document.cells[-1].outputs[0].text)
    except (CellControlSignal, RuntimeError, TimeoutError) as error:  # a dead kernel, too
        failure = _first_line(error)
    del document.cells[-1]
    executed = notebook.with_name(f"{notebook.stem}-executed.ipynb")
    nbformat.write(document, executed)
    page = executed.with_suffix(".html")
    page.write_text(HTMLExporter().from_notebook_node(document)[0], encoding="utf-8")
    print(f"Notebook: {executed.resolve()}")
    print(f"Page:     {page.resolve()}")
    for name, status in ended:
        print(f"Training: {shown(name, 64)}: {status}")
    if failure:
        print(f"Failed:   {failure}")
    return 1 if failure or any(s in ("failed", "training-canceled") for _, s in ended) else 0


def _first_line(error: Exception) -> str:
    """Return what went wrong in a cell; its whole traceback is in the saved notebook."""
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", error)
    return shown(f"{name}: {value}".splitlines()[0], 300)


# -- train --------------------------------------------------------------------------------------


def _train(arguments: argparse.Namespace) -> int:
    from phoenix_nbtrain.tool import train

    reply = train(
        arguments.action,
        arguments.model_id,
        training_image_id=arguments.training_image_id,
        images=arguments.images,
        image_data=arguments.image_data,
        config=arguments.config,
        dry_run=arguments.dry_run,
        team_id=arguments.team_id,
        project_id=arguments.project_id,
        response_format=arguments.response_format,
        max_cost=arguments.max_cost,
        again=arguments.again,
    )
    print(reply if isinstance(reply, str) else json.dumps(reply, indent=2, ensure_ascii=False))
    return 0


# -- serve --------------------------------------------------------------------------------------


def _serve(arguments: argparse.Namespace) -> int:
    _needs_posix()
    try:
        from phoenix_nbtrain.local.serving import server_on
    except ImportError as error:
        raise InputError(
            "Serving needs waitress.", remedy='pip install "phoenix-nbtrain[serve]"'
        ) from error
    from phoenix_nbtrain.local.app import create_app
    from phoenix_nbtrain.local.store import Store

    key, secret = Store(_data_dir(arguments)).served_key()
    app = create_app(_data_dir(arguments), credentials=(key, secret))

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    # Ours, so that a port that is taken leaves nothing of waitress half open.
    with _listening(arguments.port) as listening:
        server = server_on(listening, app)
        signal.signal(signal.SIGTERM, end)
        base_url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        print(_SERVING.format(base_url), file=sys.stderr, flush=True)
        print(json.dumps({"base_url": base_url, "api_key": key, "api_secret": secret}), flush=True)
        try:
            server.run()
        finally:
            server.close()
    return 0


_SERVING = """The local Phoenix is served at {}, for this computer only, until Ctrl-C.
The line of JSON is its address, key and secret, for a client. Key and secret are kept in its
data folder; with --port, a client that has them stays connected when this is started again."""


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise InputError(
            f"Port {port} is not available: {os.strerror(error.errno or 0)}.",
            remedy="Choose another --port, or leave it out to use a free one.",
        ) from error


def _data_dir(arguments: argparse.Namespace) -> Path:
    from phoenix_nbtrain.home import home

    folder: Path = arguments.data_dir or home() / "local"
    return folder.expanduser()


# -- settings -----------------------------------------------------------------------------------


def _settings(arguments: argparse.Namespace) -> int:
    from phoenix_nbtrain.local.settings import changed, load, save, written
    from phoenix_nbtrain.local.store import Store

    store = Store(_data_dir(arguments))
    with store.writing() as connection:
        settings = changed(load(connection), arguments.assignments)
        if arguments.assignments:
            save(connection, settings)
    for name, (value, expected) in written(settings).items():
        print(f"{name + '=' + value:<28} {expected}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
