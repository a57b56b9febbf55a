"""This computer's memory is gone between two runs of all cells; or it is another computer.

The local Phoenix is served as a hosted one would be: it does not say that it is local, so prices
count, and the clients' memory is in a folder of their own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from waitress.server import create_server

from phoenix_nbtrain.local.app import create_app

CELLS = textwrap.dedent(
    """
    import json, sys
    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.errors import ModelNameTaken
    url, icons, model_id, until = sys.argv[1:]
    nbt.connect("hosted", api_key="k", api_secret="s", base_url=url)
    try:
        if model_id:
            training = nbt.Training.open(model_id=model_id)
        else:
            training = nbt.Training.open("prop icons", type="flux.2-dev-lora")
    except ModelNameTaken as error:
        print(json.dumps({"taken": error.model_id, "said": str(error)}))
        sys.exit()
    training.add_images(icons)
    training.update_config({"epochs": 1, "repeats": 1})
    run = training.start(max_cost=5000)
    if until == "trained":
        training.wait()
    print(json.dumps({"model": training.model_id, "job": run.job_id,
                      "before": training.launched_before, "images": len(training.images)}))
    """
)


@dataclass
class Hosted:
    """A served Phoenix that counts what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)

    def count(self, pattern: str) -> int:
        return sum(re.fullmatch(pattern, one) is not None for one in self.asked)

    @property
    def launches(self) -> int:
        return self.count(r"PUT /v1/models/[^/]+/train\?")


@pytest.fixture
def hosted(tmp_path) -> Iterator[Hosted]:
    app, served = create_app(tmp_path / "service", credentials=("k", "s")), Hosted()

    def as_hosted(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        query = environ.get("QUERY_STRING", "")
        dry = "dryRun" if "dryRun" in query else ""
        served.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{dry}")

        def started(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            kept = [(k, v) for k, v in headers if k.lower() != "x-phoenix-local"]
            return start(status, kept, *rest)

        return app(environ, started)

    server = create_server(as_hosted, host="127.0.0.1", port=0, threads=4)
    served.url = f"http://127.0.0.1:{server.effective_port}/v1"
    thread = threading.Thread(target=server.run)
    thread.start()
    yield served
    server.trigger.pull_trigger(server.close)  # on its own thread, which ends with it
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def run(hosted, icons) -> Callable[..., dict[str, Any]]:
    """Run all cells in a new kernel, with the memory in ``home``."""

    def all_cells(home: Path, *, model_id: str = "", until: str = "started") -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-c", CELLS, hosted.url, str(icons), model_id, until],
            env={**os.environ, "PHOENIX_NBTRAIN_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])  # type: ignore[no-any-return]  # CELLS' own

    return all_cells


@pytest.mark.parametrize(
    ("until", "lost"), [("started", "memory deleted"), ("trained", "second computer")]
)
def test_the_run_is_joined_and_not_bought_again(run, hosted, tmp_path, until, lost):
    home = tmp_path / "one computer"
    first = run(home, until=until)
    uploads = hosted.count(r"POST /v1/(assets|uploads)\?")
    assert (first["before"], hosted.launches) == (False, 1)
    if lost == "memory deleted":
        shutil.rmtree(home)
    else:
        home = tmp_path / "another computer"
    # By name it stops, saying how to go on, rather than making a second model.
    taken = run(home)
    assert taken["taken"] == first["model"]
    assert f'open(model_id="{first["model"]}")' in taken["said"]
    # By id it finds the run, the images too.
    second = run(home, model_id=first["model"])
    assert second == {**first, "before": True}
    assert hosted.launches == 1
    assert hosted.count(r"POST /v1/(assets|uploads)\?") == uploads
    assert hosted.count(r"POST /v1/models\?") == 1
    # And once more, now that this memory knows it.
    assert run(home, model_id=first["model"]) == second
    assert hosted.launches == 1
