"""A folder laid open in the picker: its images, and what to do with the chosen ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import ipywidgets as widgets

from phoenix_nbtrain.session.browsing import Folder
from phoenix_nbtrain.session.session import Session
from phoenix_nbtrain.text import counted
from phoenix_nbtrain.widgets.panels import buttoned, marked, text
from phoenix_nbtrain.widgets.picker.folder_grid import FolderGrid


class FolderPanel(widgets.VBox):
    """The images of ``folder``, to choose from.

    Args:
        session: of the training that they are chosen for.
        folder: where they are.
        recursive: whether the folders within it are looked into.
        add: called with the files that somebody wants.
        look: called with the folder, and whether to look into those within it.
        shut: called when somebody is done.
    """

    def __init__(
        self,
        session: Session,
        folder: Folder,
        *,
        recursive: bool,
        add: Callable[[list[Path]], None],
        look: Callable[[str, bool], None],
        shut: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.grid = FolderGrid(session, folder)
        """The images; what is selected in it is chosen."""
        self._add = buttoned("", "nbt-start", click=lambda: self._wanted(add))
        self._said = marked("nbt-said")
        words = "Exclude subfolders" if recursive else "Include subfolders"
        deeper = buttoned(words, "nbt-link", click=lambda: look(str(folder.path), not recursive))
        deeper.layout.display = "" if recursive or folder.folders else "none"
        head = widgets.HBox(
            [
                marked("nbt-folder-title", value=_title(folder)),
                deeper,
                buttoned("Close", "nbt-link", click=shut),
            ],
            _dom_classes=("nbt-buttons", "nbt-folder-head"),
        )
        foot = widgets.HBox(
            [self._add, self._said], _dom_classes=("nbt-buttons", "nbt-folder-foot")
        )
        for part in (self.grid, foot):
            part.layout.display = "" if folder.files else "none"
        super().__init__([head, self.grid, foot], _dom_classes=("nbt-folder",))

    def _wanted(self, add: Callable[[list[Path]], None]) -> None:
        if not self._add.disabled:  # a click may have been on its way when they became too many
            add(self.folder.paths(self.grid.chosen))

    def paint(self, *, adding: bool, locked: bool) -> None:
        """Show what can be done now. Called in a turn."""
        chosen, room = len(self.grid.chosen), self.grid.room
        known = len(self.grid.selected) - chosen
        self._add.description = f"Add {counted(chosen, 'image')}" if chosen else "Add images"
        self._add.disabled = adding or locked or not 0 < chosen <= room
        if chosen > room:
            words = f"{chosen:,} are selected but only {room} fit: deselect {chosen - room:,}."
        elif not self.grid.selected:
            words = "Click images to select them; Shift selects a range, Ctrl+A all."
        else:
            words = f"{room - chosen} more fit."
        if known:
            are = "is" if known == 1 else "are"
            words += f" {known:,} of the selected {are} already there, or cannot be added."
        self._said.value = text(words)


def _title(folder: Folder) -> str:
    """Return what is in the folder, as HTML."""
    said = [counted(len(folder.files), "image")]
    if folder.others:
        said.append(counted(folder.others, "other file"))
    if folder.folders and not folder.files:
        said.append(counted(folder.folders, "folder"))
    if folder.unread:
        said.append(f"{counted(len(folder.unread), 'folder')} that cannot be read")
    name = text(folder.path.name or str(folder.path), 60)
    return f'<b title="{text(str(folder.path))}">{name}</b> {" · ".join(said)}'
