"""A warm interpreter that runs one cell per line of its input, each in a fork of itself.

Starting Python and importing the toolkit takes half a second, so that two hundred kills would take
minutes. Each line is a job as JSON; each is answered by a line with the fork's pid, and by one with
how it ended.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

_now = time.time
_ticks = time.clock_gettime
_later = 0.0


def _shifted() -> float:
    return _now() + _later


def _shifted_ticks(clock: int) -> float:
    return _ticks(clock) + _later


def main() -> None:
    # Before the toolkit takes hold of them: cells may run minutes later.
    time.time, time.clock_gettime = _shifted, _shifted_ticks
    importlib.import_module("pandas")  # warm, as a kernel is

    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.launch import Launcher  # noqa: F401
    from phoenix_nbtrain.training import Training  # noqa: F401

    nbt.connect  # noqa: B018  # resolves the lazy name
    "localhost".encode("idna")  # imports; a child forked amid an import waits for it for ever
    if "sdk" in sys.argv[1:]:
        from scenario_sdk import Scenario

        Scenario(api_key="k", api_secret="s", base_url="http://127.0.0.1:9").models.train  # noqa: B018
    _say({"ready": True})
    for line in sys.stdin:
        job = json.loads(line)
        alive, held = os.pipe()  # held by the cell and all that are forked from it
        pid = os.fork()
        if pid == 0:
            os.close(alive)
            _child(job)
        os.close(held)
        _say({"pid": pid})
        began = time.perf_counter()
        status = _wait(pid, job.get("kill_after"))
        with os.fdopen(alive) as pipe:
            pipe.read()  # ends when the last of them has ended
        out = Path(job["out"])
        said = json.loads(out.read_text()) if out.exists() else None
        out.unlink(missing_ok=True)
        _say({"status": status, "said": said, "seconds": time.perf_counter() - began})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _wait(pid: int, kill_after: float | None) -> int:
    """Wait for our child, killing it once its time is over."""
    if kill_after is not None:
        deadline = time.perf_counter() + kill_after
        while time.perf_counter() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def _child(job: dict[str, Any]) -> None:
    global _later
    try:
        _later = job.get("later", 0.0)
        os.environ["PHOENIX_NBTRAIN_HOME"] = job["home"]
        if job.get("kill_at"):
            _die_at(job["kill_at"])
        cell = {"sdk": _sdk_cell, "ours": _cell, "forks": _forking_cell}[job["cell"]]
        said = cell(job)
        _tell(Path(job["out"]), said)
    finally:
        os._exit(0)


def _tell(path: Path, said: dict[str, Any]) -> None:
    """Write a file that is there whole or not at all."""
    whole = path.with_name(path.name + ".part")
    whole.write_text(json.dumps(said))
    whole.rename(path)


def _cell(job: dict[str, Any]) -> dict[str, Any]:
    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.errors import LaunchUncertain, PhoenixError

    try:
        nbt.connect("hosted", api_key="k", api_secret="s", base_url=job["url"])
        training = nbt.Training.open(model_id=job["model"])
        run = training.start(max_cost=2000)
    except LaunchUncertain as error:
        return {"said": "uncertain", "error": str(error)}
    except PhoenixError as error:
        return {"said": "error", "error": f"{type(error).__name__}: {error}"}
    except BaseException as error:
        return {"said": "error", "error": repr(error)}
    return {"said": "run", "job": run.job_id}


def _forking_cell(job: dict[str, Any]) -> dict[str, Any]:
    """Fork while a thread launches; then start in the child and in this process."""
    launching = threading.Thread(target=_cell, args=[job])
    launching.start()
    time.sleep(job["fork_after"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads: the point
        pid = os.fork()
    if pid == 0:
        try:
            _tell(Path(job["out"] + ".child"), _cell(job))
        finally:
            os._exit(0)
    if "kill_child_after" in job:
        _wait(pid, job["kill_child_after"])
    said = _cell(job)
    launching.join()
    if "kill_child_after" not in job:
        os.waitpid(pid, 0)
    return said


def _sdk_cell(job: dict[str, Any]) -> dict[str, Any]:
    from scenario_sdk import Scenario

    client = Scenario(api_key="k", api_secret="s", base_url=job["url"])
    try:
        reply = client.models.train.trigger(job["model"], parameters={})
    except Exception as error:
        return {"said": "error", "error": repr(error)}
    return {"said": "run", "job": reply.job.job_id if reply.job else None}


def _die_at(moment: str) -> None:
    """Kill this process before or after its first call of a method."""
    from phoenix_nbtrain.client.phoenix import Phoenix
    from phoenix_nbtrain.store.journal import Journal

    where, name, when = moment.split()
    owner: type = {"journal": Journal, "client": Phoenix}[where]
    method: Callable[..., Any] = getattr(owner, name)

    def dying(self: Any, *args: Any, **kwargs: Any) -> Any:
        if when == "after":
            method(self, *args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if __name__ == "__main__":
    main()
