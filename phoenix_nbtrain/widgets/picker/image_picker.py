"""The image picker: a folder, files or a zip of the kernel's computer, added to the draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from ipyfilechooser import FileChooser

from phoenix_nbtrain.session.adding import AddReport
from phoenix_nbtrain.session.browsing import Folder
from phoenix_nbtrain.session.session import session_of
from phoenix_nbtrain.session.state import TrainingState
from phoenix_nbtrain.text import MESSAGE_MAX, counted, shown
from phoenix_nbtrain.widgets.base import error_line
from phoenix_nbtrain.widgets.panels import Panel, buttoned, free, marked, note, pill, text
from phoenix_nbtrain.widgets.picker.folder_panel import FolderPanel
from phoenix_nbtrain.widgets.row_sources import sendable
from phoenix_nbtrain.widgets.snapshot.markup import Section

LISTED = 200
"""Most files whose fate is listed; the counts above cover all."""
ONE = (".png", ".jpg", ".jpeg", ".webp")
TAKEN = [*(f"*{ending}" for ending in ONE), "*.zip"]


class Chooser(FileChooser):
    """ipyfilechooser, with names as text, and gone once something is chosen.

    Its own label takes a path as HTML, so it stays empty. Names that no message to a browser can
    carry (undecodable bytes) are not listed; such files come with their folder. What cannot be
    read is told to ``said`` instead of raised in a callback.
    """

    def __init__(
        self, folder: Path, *, chosen: Callable[[str | None], None], said: Callable[[str], None]
    ) -> None:
        self._chosen, self._said = chosen, said
        super().__init__(
            # Both have defaults that all choosers share: the folder of the first import, a Layout.
            path=str(folder),
            layout=widgets.Layout(),
            select_desc="Choose",
            change_desc="Choose",
            filter_pattern=TAKEN,
            dir_icon="▸ ",
        )
        self._label.layout.display = "none"
        self._select.layout.width = "auto"
        self._gb.layout.grid_gap = "8px"
        self._filename.placeholder = "leave empty for the whole folder"
        self._show_dialog()

    def _set_form_values(self, path: str, filename: str) -> None:
        with ExitStack() as held:
            for part in (self._pathlist, self._dircontent, self._filename):
                held.enter_context(part.hold_sync())
            try:
                list(Path(path).iterdir())
            except OSError as error:
                self._said(f"{shown(path, 80)} cannot be listed ({error.strerror}).")
                path = str(Path(self._default_path))
            try:
                super()._set_form_values(path, filename)
            except OSError as error:
                self._said(f"{shown(path, 80)} cannot be listed ({error.strerror}).")
                return
            if not filename:
                self._select.disabled = False  # the pattern is for files; a folder is chosen whole
            self._select.description = "Choose this file" if filename else "Choose this folder"
            self._pathlist.unobserve(self._on_pathlist_select, names="value")
            self._dircontent.unobserve(self._on_dircontent_select, names="value")
            for part in (self._pathlist, self._dircontent):
                value = part.value
                part.options = [(shown(n, 120), n) for n in part.options if sendable(n) == n]
                part.value = value if value in dict(map(reversed, part.options)) else None
            self._pathlist.observe(self._on_pathlist_select, names="value")
            self._dircontent.observe(self._on_dircontent_select, names="value")

    def _on_pathlist_select(self, change: Any) -> None:
        if change["new"] is not None:
            super()._on_pathlist_select(change)

    def _on_dircontent_select(self, change: Any) -> None:
        if change["new"] is not None:
            super()._on_dircontent_select(change)

    def _apply_selection(self) -> None:
        folder, name = self._expand_path(self._pathlist.value), self._filename.value
        self._chosen(str(Path(folder) / name))

    def _on_cancel_click(self, _button: object) -> None:
        self._chosen(None)


class ImagePicker(Panel):
    """Adds images to ``training`` from files where the kernel runs: all, or chosen ones."""

    def __init__(self, training: object) -> None:
        self._chooser: Chooser | None = None
        self.folder_panel: FolderPanel | None = None
        """The folder that is laid open to choose from, if one is."""
        self._adding = False
        self._sought = 0
        self._folder = Path.cwd()
        self._path = widgets.Text(
            placeholder="Folder, image or zip, on the computer where this notebook runs",
            description="Add images from",
            continuous_update=True,
            _dom_classes=("nbt-in", "nbt-path"),
        )
        self._path.on_msg(self._message)
        self._browse = buttoned("Browse…", "nbt-browse", click=self._browsed)
        self._show = buttoned("Preview…", "nbt-show", click=self._shown)
        self._show.tooltip = "Show the folder's images, to choose some"
        self._add = buttoned("Add all", "nbt-add", click=self._added)
        self._slot = widgets.VBox(_dom_classes=("nbt-slot",))
        self._report = marked("nbt-report")
        row = widgets.HBox(
            [self._path, self._browse, self._show, self._add], _dom_classes=("nbt-buttons",)
        )
        head = marked("nbt-h", "nbt-picker-head")
        head.value = (
            f'<span>Images</span><span class="nbt-grow"></span>{pill(session_of(training))}'
        )
        super().__init__(training, [head, row, self._slot, self._report], name="picker")

    def paint(self, state: TrainingState) -> None:
        locked = state.training
        self._path.disabled = locked
        self._browse.disabled = self._show.disabled = locked
        self._add.disabled = locked or self._adding
        self._add.description = "Adding…" if self._adding else "Add all"
        if self.folder_panel is not None:
            self.folder_panel.paint(adding=self._adding, locked=locked)

    def words(self) -> str:
        images = counted(len(self.session.state.draft.images), "image")
        return f"{shown(self.session.name, 30)} · {images} · {self.session.where}"

    def snapshot(self, state: TrainingState) -> Sequence[Section]:
        return [Section("Images", counted(len(state.draft.images), "image"))]

    # -- choosing --------------------------------------------------------------------------------

    def _browsed(self) -> None:
        self.turn(self._toggle)

    def _toggle(self) -> None:
        if self._chooser is not None:
            self._shut()
            return
        self._shut()
        self._tell("")
        start = Path(self._path.value.strip() or ".").expanduser()
        start = start if start.is_dir() else self._folder
        self._chooser = Chooser(start, chosen=self._chosen, said=self._warn)
        self._chooser.add_class("nbt-chooser")
        self._slot.children = [self._chooser]

    def _chosen(self, path: str | None) -> None:
        def take() -> None:
            if path is not None:
                self._path.value = path
                parent = Path(path) if Path(path).is_dir() else Path(path).parent
                self._folder = parent
            self._shut()
            if path is not None and Path(path).is_dir():
                self._look(path, recursive=False)

        self.turn(take)

    def _shut(self) -> None:
        """Close what is open below the path: the names in it leave the notebook's state."""
        held, self._chooser, self.folder_panel = (self._chooser, self.folder_panel), None, None
        self._sought += 1  # what is being listed has come too late
        self._slot.children = []
        for part in held:
            if part is not None:
                free(part)

    # -- choosing from a folder ------------------------------------------------------------------

    def _shown(self) -> None:
        path = self._path.value.strip()
        if path:
            self.turn(lambda: self._look(str(Path(path).expanduser()), recursive=False))
        else:
            self.turn(lambda: self._warn("Enter a folder first."))

    def _look(self, path: str, *, recursive: bool) -> None:
        self._shut()
        sought = self._sought
        self._tell(note(f"Looking into {text(path, 80)}…", "hint", role="status"))
        future = self.session.behind("browse", self.session.browse, path, recursive=recursive)
        future.add_done_callback(
            lambda done: self.turn(lambda: self._open(done, sought, recursive=recursive))
        )

    def _open(self, future: Future[Folder], sought: int, *, recursive: bool) -> None:
        if self._closed or sought != self._sought:
            return
        try:
            folder = future.result()
        except BaseException as error:  # a cancelled one, too, is told
            self._failed(error)
            return
        self._tell("")
        self.folder_panel = FolderPanel(
            self.session,
            folder,
            recursive=recursive,
            add=lambda paths: self.turn(lambda: self._take(paths)),
            look=lambda path, deep: self.turn(lambda: self._look(path, recursive=deep)),
            shut=lambda: self.turn(self._shut),
        )
        self.folder_panel.grid.observe(
            lambda _: self.turn(lambda: self.paint(self.session.state)), names="selected"
        )
        self.paint(self.session.state)
        self._slot.children = [self.folder_panel]

    # -- adding ----------------------------------------------------------------------------------

    def _message(self, _widget: object, content: Any, _buffers: object = None) -> None:
        if isinstance(content, dict) and content.get("event") == "submit":
            self._added()

    def _added(self) -> None:
        self.turn(self._ask)

    def _ask(self) -> None:
        path = self._path.value.strip()
        if not path:
            self._warn("Enter a folder, image or zip first.")
        elif not self._adding:
            self._shut()
            whole = Path(path).expanduser()
            one = whole.suffix.lower() in ONE and whole.is_file()
            self._send(str(whole), text(path, 80), again=one)

    def _take(self, paths: list[Path]) -> None:
        if paths and not self._adding:
            self._send(paths, text(counted(len(paths), "image")), again=True)

    def _send(self, source: object, called: str, *, again: bool) -> None:
        """Add what was chosen: by ``again`` also what was removed before, if it was chosen itself."""
        self._adding = True
        self._tell(note(f"Reading {called}…", "hint", role="status"))
        self.paint(self.session.state)
        future = self.session.behind("add", self.session.adding.add, source, again=again)
        future.add_done_callback(lambda done: self.turn(lambda: self._answered(done)))

    def _answered(self, future: Future[AddReport]) -> None:
        self._adding = False
        if self._closed:
            return
        try:
            report = future.result()
        except BaseException as error:  # a cancelled one, too, is told
            self._failed(error)
        else:
            self._tell(_told(report))
            if self.folder_panel is not None:
                self.folder_panel.grid.selected = []
            elif report.added:
                self._path.value = ""
        self.paint(self.session.state)

    def _failed(self, error: BaseException) -> None:
        self._tell(note(text(error_line(error), 2 * MESSAGE_MAX + 1), "bad", role="alert"))

    def _warn(self, words: str) -> None:
        self._tell(note(text(words), "warn", role="status"))

    def _tell(self, words: str) -> None:
        self._report.value = words


def _told(report: AddReport) -> str:
    """Return each file's fate as HTML, the refused ones open to the eye, the rest folded."""
    kind = "warn" if report.refused else "hint"
    bad = [row for row in report.rows if row.fate == "refused"]
    good = [row for row in report.rows if row.fate != "refused"]
    parts = [note(f"<b>{text(report.summary)}.</b>", kind, role="status")]
    if bad:
        parts.append(f"<ul class='nbt-fates'>{_rows(bad)}</ul>")
    if good:
        label = text(counted(len(good), "file"))
        parts.append(
            f"<details class='nbt-fine'><summary>{label}</summary>"
            f"<ul class='nbt-fates'>{_rows(good)}</ul></details>"
        )
    return "".join(parts)


def _rows(rows: list[Any]) -> str:
    items = [
        f"<li><b>{text(r.name, 60)}</b> {text(r.fate, 20)}"
        f"{': ' + text(r.reason) if r.reason else ''}</li>"
        for r in rows[:LISTED]
    ]
    if len(rows) > LISTED:
        items.append(f"<li>and {len(rows) - LISTED:,} more</li>")
    return "".join(items)
