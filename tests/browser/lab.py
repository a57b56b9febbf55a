"""A real JupyterLab with a real kernel, driven as a person would."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, Page

from phoenix_nbtrain.images.drawings import draw_pairs

START_SECONDS = 60


class Lab:
    """One JupyterLab server on this computer, with folders of its own."""

    module = "jupyterlab"
    flags: tuple[str, ...] = (
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    )
    address = "lab/tree"
    """Where a notebook opens, below the server's root."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.home = folder / "home"
        for path in (self.work, self.home):
            path.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.phoenix = self.home / "phoenix"
        """What the toolkit remembers, and the local Phoenix's data."""
        secret = ("PHOENIX_NBTRAIN_", "SCENARIO_")
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(secret)},
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "PHOENIX_NBTRAIN_HOME": str(self.phoenix),
        }
        self._settings(
            "apputils-extension", "notification", {"fetchNews": "false", "checkForUpdates": False}
        )
        self.log = folder / "lab.log"
        self._log = self.log.open("wb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", self.module, "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0"),
                f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={self.work}",
                *self.flags,
            ],
            env=self.environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def _settings(self, extension: str, plugin: str, values: dict[str, Any]) -> None:
        path = self.home / "settings" / "@jupyterlab" / extension / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))

    def theme(self, name: str) -> None:
        """Use a theme from the next page on, for example ``JupyterLab Dark``."""
        self._settings("apputils-extension", "themes", {"theme": name})

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        url = f"http://127.0.0.1:{self.port}/api?token={self.token}"
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(url, timeout=2):
                    return
            except OSError:
                if self._process.poll() is not None:
                    break
                time.sleep(0.2)
        self.close()
        raise RuntimeError(f"{self.module} did not start: {self.log.read_text('utf-8')[-2000:]}")

    def close(self) -> None:
        """End the server, and with it its kernels."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def write(self, name: str, cells: Sequence[str]) -> None:
        """Write a notebook of code cells."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, self.work / name)

    @contextmanager
    def open(
        self, browser: Browser, name: str, *, width: int = 1300, height: int = 1500
    ) -> Iterator[Notebook]:
        """Open a notebook in a page of its own and wait for its kernel."""
        context = browser.new_context(viewport={"width": width, "height": height})
        page = context.new_page()
        page.set_default_timeout(20_000)
        try:
            page.goto(
                f"http://127.0.0.1:{self.port}/{self.address}/{name}?token={self.token}&reset"
            )
            notebook = Notebook(page, name)
            notebook.ready()
            yield notebook
        finally:
            context.close()


class Notebook:
    """An open notebook."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.name = name

    def js(self, body: str, argument: Any = None) -> Any:
        """Evaluate with ``app``, ``panel`` and ``argument`` at hand."""
        return self.page.evaluate(
            "async ([name, argument]) => { const app = window.jupyterapp;"
            " const panel = [...app.shell.widgets('main')]"
            f".find((w) => w.context?.path === name); {body} }}",
            [self.name, argument],
        )

    def ready(self) -> None:
        """Wait until the notebook is shown and its kernel idle."""
        self.page.wait_for_function(
            "(name) => { const app = window.jupyterapp; if (!app) return false;"
            " const p = [...app.shell.widgets('main')].find((w) => w.context?.path === name);"
            " return p && p.context.isReady && p.sessionContext?.session?.kernel?.status === 'idle'"
            " }",
            arg=self.name,
            timeout=60_000,
        )
        self.js("await app.commands.execute('application:toggle-left-area').catch(() => {});")

    def begin(self, index: int) -> None:
        """Run a cell without waiting for its end."""
        self.js(
            "panel.content.activeCellIndex = argument;"
            " app.shell.activateById(panel.id);"
            " app.commands.execute('notebook:run-cell');",
            index,
        )

    def run(self, index: int) -> str:
        """Run a cell and return its output as text; an error is raised here too."""
        self.js(
            "panel.content.activeCellIndex = argument;"
            " app.shell.activateById(panel.id);"
            " await app.commands.execute('notebook:run-cell');",
            index,
        )
        return self.output(index)

    def run_all(self) -> None:
        """Run all cells and wait for the last."""
        self.js(
            "app.shell.activateById(panel.id);"
            " await app.commands.execute('notebook:run-all-cells');"
        )

    def output(self, index: int) -> str:
        """Return a cell's output as text."""
        outputs = self.js("return panel.content.widgets[argument].model.outputs.toJSON();", index)
        texts = []
        for output in outputs:
            if output["output_type"] == "error":
                raise AssertionError("\n".join(output["traceback"]))
            texts.append(output.get("text") or output.get("data", {}).get("text/plain", ""))
        return "".join("".join(t) for t in texts)

    def cell(self, index: int) -> Locator:
        """Return a cell of the page, with what its outputs show."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index)

    def busy(self, index: int) -> bool:
        """Whether a cell is running or waiting to."""
        prompt = self.cell(index).locator(".jp-InputPrompt").first.text_content()
        return prompt is not None and "*" in prompt

    def ask(self, expression: str) -> Any:
        """Return an expression's value in the kernel, which must survive JSON.

        It is no cell, so that running all cells again runs what the notebook holds and no more.
        """
        said = self.js(
            "const future = panel.sessionContext.session.kernel.requestExecute("
            "  { code: argument, store_history: false, stop_on_error: false });"
            " const said = [];"
            " future.onIOPub = ({ header, content }) => {"
            "   if (header.msg_type === 'stream' && content.name === 'stdout') said.push(content.text);"
            "   if (header.msg_type === 'error') said.push(content.traceback.join('\\n')); };"
            " await future.done; return said.join('');",
            f"import json as _json; print(_json.dumps({expression}))",
        )
        try:
            return json.loads(said)
        except ValueError:
            raise AssertionError(f"{expression} gave {said[-2000:]}") from None

    def kill_kernel(self) -> None:
        """SIGKILL the kernel, as the out-of-memory killer would, and wait for the new one."""
        pid = self.ask("__import__('os').getpid()")
        self.js("window.killed = panel.sessionContext.session.kernel.id;")
        os.kill(pid, signal.SIGKILL)
        # The server starts another by itself; the page says so in a dialog, now or a little later.
        self.page.wait_for_function(
            "(name) => { const app = window.jupyterapp;"
            " const p = [...app.shell.widgets('main')].find((w) => w.context?.path === name);"
            " const status = p.sessionContext?.session?.kernel?.status;"
            " window.seen = window.seen || (status !== 'idle' && status !== 'busy');"
            " return window.seen && status === 'idle' }",
            arg=self.name,
            timeout=60_000,
        )
        self.dismiss()

    def dismiss(self) -> None:
        """Close whatever dialog stands in the way."""
        dialogs = self.page.locator(".jp-Dialog .jp-mod-accept")
        for _ in range(10):
            if dialogs.count():
                dialogs.first.click()
            self.page.wait_for_timeout(50)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for all stories; each has a folder's and a training's name of its own."""
    running = Lab(tmp_path_factory.mktemp("lab"))
    yield running
    running.close()


@pytest.fixture
def pictures(lab: Lab, request: pytest.FixtureRequest) -> Path:
    """A folder of line and colour drawings inside the lab's own, named for the test."""
    folder = lab.work / request.node.name
    shutil.rmtree(folder, ignore_errors=True)
    return draw_pairs(folder, count=6, size=1024)
