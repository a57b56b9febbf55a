"""Importing the package costs nothing and does nothing."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import phoenix_nbtrain

SOURCE = Path(phoenix_nbtrain.__file__).read_text("utf-8")
SCRIPT = """
    import json, sys, threading
    touched = []
    quiet = ("open", "sqlite3.connect", "socket.connect", "subprocess.Popen", "os.mkdir")
    def audit(event, arguments):
        if event == "open" and isinstance(arguments[0], str):
            mode = arguments[1] or "r"
            if not set(mode) & set("wax+"):
                return
        if event in quiet:
            touched.append(event)
    sys.addaudithook(audit)
    import phoenix_nbtrain
    dir(phoenix_nbtrain)
    heavy = {"pandas", "numpy", "PIL", "httpx", "flask", "ipywidgets"} & set(sys.modules)
    print(json.dumps([sorted(heavy), threading.active_count(), touched]))
"""


def test_import_loads_no_large_library_starts_no_thread_and_touches_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-B", "-c", textwrap.dedent(SCRIPT)],
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    assert json.loads(done.stdout) == [[], 1, []]
    assert list(tmp_path.iterdir()) == []


def test_every_public_name_is_there_and_nothing_else_is_promised():
    import phoenix_nbtrain as nbt

    assert set(nbt._WHERE) == set(nbt.__all__)
    assert len(nbt.__all__) == len(set(nbt.__all__))
    # What a type checker is shown must not be more or less than what there is.
    (shown,) = (node for node in ast.parse(SOURCE).body if isinstance(node, ast.If))
    imports = [node for node in shown.body if isinstance(node, ast.ImportFrom)]
    assert {alias.name for node in imports for alias in node.names} == set(nbt.__all__)
    for name in nbt.__all__:
        assert getattr(nbt, name) is not None


def test_the_errors_that_people_catch_are_public_and_the_tree_s_own():
    import phoenix_nbtrain as nbt

    caught = (nbt.InputError, nbt.ServiceError, nbt.ServiceUnreachable)
    bought = (nbt.PriceNotAccepted, nbt.LaunchRefused, nbt.LaunchUncertain)
    late = (nbt.StillRunning, nbt.NotReady)
    assert all(issubclass(kind, nbt.PhoenixError) for kind in (*caught, *bought, *late))
    assert all(issubclass(kind, TimeoutError) for kind in late)


def test_completion_shows_what_a_person_types_and_nothing_else():
    import phoenix_nbtrain as nbt

    assert dir(nbt) == sorted([*nbt.__all__, "errors"])
    names = {name for name in dir(nbt.Training) if not name.startswith("_")}
    assert names == {
        *("open", "create", "attach", "launched_before"),
        *("model", "model_id", "name", "type", "needs_pairs", "status", "progress", "run", "state"),
        *("unit", "where", "is_local"),
        *("images", "add_images", "browse", "image_bytes", "replace", "remove"),
        *("set_captions", "ensure_trigger"),
        *("pairs", "set_pairs", "pair_up", "set_instructions", "add_pairs", "save_pairs"),
        *("config", "update_config"),
        *("keep_mine", "take_theirs", "check", "undo", "redo", "sync", "refresh"),
        *("estimate", "start", "stop", "wait", "estimate_download", "download"),
    }
