"""A notebook for views: it keeps what its cells put out, and gives them a kernel to ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from phoenix_nbtrain.widgets.snapshot import notebook_cell, snapshot


@dataclass
class Output:
    data: dict[str, Any]
    display_id: str = ""

    @property
    def html(self) -> str:
        return self.data.get("text/html", "")


@dataclass
class Notebook:
    """Runs functions as its cells. A page names them; what runs without one does not."""

    page: bool = True
    deaf: bool = False
    """Whether it drops what is put out, as nbclient does with what no cell of its own sent."""
    outputs: dict[str, list[Output]] = field(default_factory=dict)
    updates: list[Output] = field(default_factory=list)
    """What came in the place of an output, in order."""
    parent: dict[str, Any] = field(default_factory=dict)
    at_end: list[Callable[[object], None]] = field(default_factory=list)
    _runs: Any = field(default_factory=lambda: count(1))
    _here: str = ""

    def run(self, name: str, *shown: Any, before: Callable[[], object] = lambda: None) -> None:
        """Run a cell that displays these; ``before`` is what else it does."""
        self._here = name
        self.outputs[name] = []
        metadata = {"cellId": name} if self.page else {}
        self.parent = {"header": {"msg_id": f"run-{next(self._runs)}"}, "metadata": metadata}
        before()
        for view in shown:
            view._ipython_display_()
        for work in list(self.at_end):
            work(None)

    def snapshots(self, name: str) -> list[str]:
        """Return the HTML of the snapshots in a cell's outputs, as they are now."""
        return [o.html for o in self.outputs[name] if o.html]

    def publish(
        self, data: dict[str, Any], metadata: Any, *, transient: dict[str, str], update: bool
    ) -> None:
        if self.deaf:
            return
        output = Output(data, transient.get("display_id", ""))
        if not update:
            self.outputs[self._here].append(output)
            return
        self.updates.append(output)
        for outputs in self.outputs.values():
            for one in outputs:
                if one.display_id == output.display_id:
                    one.data = data


def open_notebook(monkeypatch: pytest.MonkeyPatch, *, page: bool = True) -> Notebook:
    notebook = Notebook(page=page)

    def register(_event: str, work: Callable[[object], None]) -> None:
        if work not in notebook.at_end:
            notebook.at_end.append(work)

    shell = SimpleNamespace(
        kernel=SimpleNamespace(get_parent=lambda: notebook.parent),
        display_pub=SimpleNamespace(publish=notebook.publish),
        events=SimpleNamespace(register=register),
    )
    monkeypatch.setattr(notebook_cell, "_shell", lambda: shell)
    monkeypatch.setattr(snapshot, "_displayed", {})
    return notebook


class Elements(HTMLParser):
    """What a browser would make of HTML: its elements with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        self.elements.append((tag, dict(attrs)))
        if tag in ("br", "td", "th", "p", "tr"):
            self.text += "\n"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.text += data
