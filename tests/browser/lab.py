"""A real JupyterLab with a real kernel, driven as a person would."""

from __future__ import annotations

import os
import secrets
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
from playwright.sync_api import Browser, Page

START_SECONDS = 60


class Lab:
    """One JupyterLab server on this computer, with folders of its own."""

    def __init__(self, folder: Path) -> None:
        self.work = folder / "work"
        self.home = folder / "home"
        for path in (self.work, self.home):
            path.mkdir(parents=True)
        self.token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        environment = {
            **os.environ,
            "HOME": str(self.home),
            "JUPYTER_CONFIG_DIR": str(self.home / "config"),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "PHOENIX_NBTRAIN_HOME": str(self.home / "phoenix"),
        }
        self._settings("apputils-extension", "notification", {"fetchNews": "false"})
        self._log = (folder / "lab.log").open("wb")
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0"),
                f"--IdentityProvider.token={self.token}",
                f"--ServerApp.root_dir={self.work}",
                "--LabApp.expose_app_in_browser=True",
                "--LabApp.news_url=None",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait()

    def _settings(self, extension: str, plugin: str, values: dict[str, Any]) -> None:
        import json

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
        raise RuntimeError("JupyterLab did not start; see lab.log")

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
        try:
            page.goto(f"http://127.0.0.1:{self.port}/lab/tree/{name}?token={self.token}&reset")
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

    def ask(self, code: str) -> str:
        """Run code in a new last cell and return its output."""
        index = self.js(
            "panel.content.activeCellIndex = panel.content.widgets.length - 1;"
            " app.shell.activateById(panel.id);"
            " await app.commands.execute('notebook:insert-cell-below');"
            " panel.content.activeCell.model.sharedModel.setSource(argument);"
            " return panel.content.activeCellIndex;",
            code,
        )
        return self.run(index)

    def kill_kernel(self) -> None:
        """SIGKILL the kernel, as the out-of-memory killer would, and wait for the new one."""
        pid = int(self.ask("import os; print(os.getpid())"))
        os.kill(pid, 9)
        self.page.wait_for_timeout(1500)
        self.page.keyboard.press("Escape")
        for button in self.page.query_selector_all(".jp-Dialog .jp-mod-accept"):
            button.click()
        self.js("await panel.sessionContext.restartKernel();")
        self.ready()
