"""A service that repeats our credentials in all it says: nothing that is shown or kept holds them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from ipywidgets.widgets.widget import _instances
from nbclient import NotebookClient
from planted import ECHO, KEY, PAIR, SECRET, credentials, leaked, leaked_by, told
from views.notebook import open_notebook
from wire import serving

import phoenix_nbtrain as nbt
from phoenix_nbtrain.cli import main
from phoenix_nbtrain.client import connect
from phoenix_nbtrain.client.connect import unchecked
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import LaunchRefused, LaunchUncertain, PhoenixError
from phoenix_nbtrain.local.app import create_app
from phoenix_nbtrain.local.workers import Workers
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.training import Training

Environ = dict[str, Any]
Answer = Callable[[str], tuple[int, str, str]]
"""Of what to repeat: status, content type and body."""


def refusal(status: int, **more: Any) -> Answer:
    def answer(echo: str) -> tuple[int, str, str]:
        details = {"said": echo, echo: [echo]}
        return status, "application/json", json.dumps({"reason": echo, "details": details, **more})

    return answer


def page(status: int) -> Answer:
    return lambda echo: (status, "text/html", f"<html><body>{echo}</body></html>")


class Echoing:
    """The local Phoenix, for those with the planted key; some requests are answered by an echo."""

    def __init__(self, folder: Path) -> None:
        self._app = create_app(folder, credentials=(KEY, SECRET))
        self.rules: list[tuple[str, Answer]] = []
        """Pattern of the request's line, and how it is answered; the first that fits counts."""
        self.failed = False
        """Whether every run has failed."""
        self.echoed: list[str] = []
        self.base_url = ""

    def __call__(self, environ: Environ, start: Any) -> Iterable[bytes]:
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        line += "?" * bool(environ["QUERY_STRING"])
        for pattern, answer in self.rules:
            if re.fullmatch(pattern, line):
                echo = f"{environ.get('HTTP_AUTHORIZATION', '')} {ECHO}"
                status, kind, body = answer(echo)
                self.echoed.append(line)
                headers = [("Content-Type", kind), ("X-Echo", echo), ("Location", f"/{PAIR}")]
                start(f"{status} {echo}", headers)
                return [body.encode()]

        def hidden(status: str, headers: list[tuple[str, str]], *_: object) -> None:
            # As on a hosted Phoenix: where money is involved.
            kept = [
                (k, v) for k, v in headers if k.lower() not in ("x-phoenix-local", "content-length")
            ]
            start(status, kept)

        body = b"".join(self._app(environ, hidden))
        if self.failed and line.startswith(("GET /v1/jobs/", "GET /v1/models/model")):
            reply = json.loads(body)
            for told_of in (reply.get("model", {}), reply.get("job", {})):
                told_of["status"] = "failed" if "trainingImages" in told_of else "failure"
                told_of["metadata"] = {"error": ECHO, "hint": ECHO}
            body = json.dumps(reply).encode()
        return [body]


@pytest.fixture
def echoing(tmp_path, monkeypatch) -> Iterator[Echoing]:
    monkeypatch.setattr(Workers, "ensure", lambda _: None)  # what is launched stays in its queue
    service = Echoing(tmp_path / "service")
    with serving(service) as port:
        service.base_url = f"http://127.0.0.1:{port}/v1"
        yield service


@pytest.fixture
def client(echoing) -> Iterator[Phoenix]:
    client = unchecked(credentials(echoing.base_url))
    client._http.sleep = lambda _: None
    yield client
    client.close()


def kept(home: Path) -> dict[str, list[str]]:
    """Return what is planted in the files of this computer's memory."""
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {"journal.sqlite3", "drafts.sqlite3"} <= {path.name for path in files}
    return {str(path): found for path in files if (found := leaked(path.read_bytes()))}


UPLOAD, CAPTION, PAIRS = "POST /v1/assets", "PUT /v1/assets/.*", "PUT .*/training-images/pairs"
QUOTE, LAUNCH = r"PUT .*/train\?", r"PUT .*/train"


@pytest.mark.parametrize("answer", [refusal(400), page(403)], ids=["reason", "page"])
def test_refused_rows_and_prices_are_shown_and_kept_without_secrets(
    echoing, client, icons, tmp_path, monkeypatch, caplog, answer
):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("phoenix_nbtrain.client.connect._default", client)
    notebook = open_notebook(monkeypatch)
    training = Training.create(
        "icons", type="flux.2-dev-edit-lora", client=client, runner=InlineRunner()
    )
    views = [nbt.ImageGrid(training), nbt.PairTable(training), nbt.ConfigForm(training)]
    views += [nbt.LaunchPanel(training), nbt.ProgressPanel(training), nbt.Studio(training)]
    shown: list[str] = []

    def look() -> None:
        notebook.run("cell", *views)
        states = [widget.get_state() for widget in list(_instances.values())]
        shown.extend(repr(state) for state in states)
        shown.extend([repr(training), repr(training.state), repr(notebook.outputs)])
        shown.extend([training.images.to_html(), training.pairs.to_html(), nbt.runs().to_html()])

    for rule in (UPLOAD, CAPTION, PAIRS, QUOTE):
        echoing.rules = [(rule, answer)]
        for work in (
            lambda: training.add_images(icons) if training.images.empty else None,
            partial(training.set_captions, dict.fromkeys(training.images.index, rule)),
            lambda: training.pair_up("icon_00", "icon_01"),
            training.sync,
            training.estimate,
        ):
            try:
                work()
            except PhoenixError as error:
                shown.extend(told(error))
            look()
        if rule == UPLOAD:
            echoing.rules = []
            training.sync()
    assert {line.partition(" ")[0] for line in echoing.echoed} == {"POST", "PUT"}
    assert len(set(echoing.echoed)) >= 3
    assert "…" in "".join(shown)
    assert not leaked_by([*shown, caplog.text])
    assert not kept(tmp_path / "home")
    for view in views:
        view.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400), LaunchRefused),
        (refusal(429, name="PlanLimitReachedError"), LaunchRefused),
        (refusal(403), LaunchRefused),
        (refusal(500), LaunchUncertain),
        (refusal(409), LaunchRefused),
        (page(502), LaunchUncertain),
        (page(200), LaunchUncertain),
    ],
)
def test_a_launch_that_fails_is_journalled_without_secrets(
    echoing, client, icons, tmp_path, answer, error
):
    training = Training.create(
        "icons", type="flux.2-dev-lora", client=client, runner=InlineRunner()
    )
    training.add_images(icons)
    panel = nbt.LaunchPanel(training)
    echoing.rules = [(LAUNCH, answer)]
    with pytest.raises(error) as caught:
        training.start(max_cost=10**6)
    assert echoing.echoed
    shown = [*told(caught.value), repr(training.state), repr(panel.get_state())]
    if error is LaunchUncertain or getattr(caught.value, "retry_after", None) is not None:
        training.refresh()
        shown += [repr(training.state), repr(panel.get_state())]
    assert not leaked_by([*shown, nbt.runs(client).to_html()])
    assert not kept(tmp_path / "home")
    panel.close()


def test_a_run_that_failed_tells_why_without_secrets(echoing, client, icons, tmp_path, monkeypatch):
    notebook = open_notebook(monkeypatch)
    training = Training.create(
        "icons", type="flux.2-dev-lora", client=client, runner=InlineRunner()
    )
    training.add_images(icons)
    training.start(max_cost=10**6)
    echoing.failed = True
    training.refresh()
    assert training.run is not None
    assert training.status == "failed"
    assert "…" in training.run.message
    panel = nbt.ProgressPanel(training)
    notebook.run("cell", panel)
    shown = [repr(training.run), repr(training.state), repr(panel.get_state())]
    shown += [repr(notebook.outputs), nbt.runs(client).to_html()]
    assert not leaked_by(shown)
    assert not kept(tmp_path / "home")
    panel.close()


def test_what_the_user_wrote_stays_as_it_is(client, icons):
    caption = f"Bearer {SECRET}, {PAIR} and https://a.test/x?signature={KEY}"
    training = Training.create(KEY, type="flux.2-dev-lora", client=client, runner=InlineRunner())
    training.add_images(icons)
    training.set_captions(lambda _: caption)
    training.update_config({"sample_prompts": [caption]})
    training.sync()
    again = Training.open(model_id=training.model_id, client=client, runner=InlineRunner())
    assert again.name == KEY
    assert set(again.images["caption"]) == {caption}
    assert again.config["sample_prompts"] == (caption,)
    ids = [row.asset_id or "" for row in again.state.draft.images]
    assert {asset.description for asset in client.get_assets(ids)} == {caption}


@pytest.mark.parametrize("answer", [refusal(500), refusal(401), page(502), page(200)])
def test_an_import_that_fails_shows_its_address_nowhere(echoing, client, answer):
    training = Training.create("web", type="flux.2-dev-lora", client=client, runner=InlineRunner())
    training.add_images(["https://pictures.test/x.png?sig=hunter2"])
    echoing.rules = [("POST /v1/uploads", answer)]
    with pytest.raises(PhoenixError) as caught:
        training.sync()
    texts = [*told(caught.value), repr(training.state)]
    assert not [text for text in texts if "hunter2" in text]


@pytest.fixture
def environment(echoing, monkeypatch) -> None:
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", KEY)
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_SECRET", SECRET)
    monkeypatch.setenv("PHOENIX_NBTRAIN_BASE_URL", echoing.base_url)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("answer", [refusal(401), page(404)], ids=["reason", "page"])
def test_the_command_line_tells_no_secret(echoing, client, capfd, answer):
    model_id = client.create_model(name="m", type="flux.2-dev-lora").id
    for rule in ("GET /v1/models.*", r"GET /v1/models/.*", "PUT .*"):
        echoing.rules = [(rule, answer)]
        for action in (
            ["configure", "--config", '{"epochs": 2}'],
            ["start", "--dry-run"],
            ["stop"],
        ):
            main(["train", *action, "--model-id", model_id])
            if connect._default is not None:
                connect._default.close()
                connect._default = None
    out, err = capfd.readouterr()
    assert echoing.echoed
    assert "phoenix-nbtrain: " in err
    assert not leaked_by([out, err])


CELLS = [
    "%xmode Verbose",
    "import logging; logging.basicConfig(level=logging.DEBUG)",
    "import os, phoenix_nbtrain as nbt",
    "key, secret = (os.environ[f'PHOENIX_NBTRAIN_API_{n}'] for n in ('KEY', 'SECRET'))",
    "nbt.connect('hosted')  # refused",
    "nbt.doctor()  # refused",
    "client = nbt.connect('hosted')",
    "client, vars(client), vars(client._http), vars(client._http._wires['ours'])",
    "nbt.doctor()",
    "training = nbt.Training.create('icons', type='flux.2-dev-lora')",
    "training.add_images('icons'), training.sync()",
    "training.images, training.state",
    "nbt.ImageGrid(training)",
    "nbt.Studio(training)",
    "training.start(max_cost=1e6)",
    "client.get_model('model_gone')",
    "nbt.runs()",
]


@pytest.mark.usefixtures("environment")
def test_an_executed_notebook_holds_no_secret(echoing, icons, tmp_path):
    (tmp_path / "icons").symlink_to(icons)
    refusals = iter([refusal(401), refusal(403)])

    def at_first(echo: str) -> tuple[int, str, str]:
        answer = next(refusals, None)
        if answer is None:
            echoing.rules = echoing.rules[1:]
            return 200, "application/json", '{"models": []}'
        return answer(echo)

    echoing.rules = [
        (r"GET /v1/models\?", at_first),
        (UPLOAD, refusal(400)),
        (LAUNCH, refusal(400)),
    ]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in CELLS])
    NotebookClient(
        document, timeout=300, kernel_name="python3", allow_errors=True, store_widget_state=True,
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()  # fmt: skip
    text = nbformat.writes(document)
    outputs = {cell.source: json.dumps(cell.outputs) for cell in document.cells}
    failed = [source for source, told_of in outputs.items() if '"output_type": "error"' in told_of]
    assert failed == [CELLS[4], *CELLS[14:16]]
    assert "self" in outputs[CELLS[4]], "the traceback shows variables"
    assert "httpcore" in text
    assert "application/vnd.jupyter.widget-state+json" in text
    assert not leaked_by(outputs.values())
    assert not leaked(json.dumps(document.metadata))
