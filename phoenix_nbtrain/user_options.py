"""What a person sets for the whole toolkit, as ``nbt.options``."""

from __future__ import annotations

import difflib
from typing import Literal, get_args

from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

Snapshots = Literal["full", "text", "off"]


class Options:
    """The toolkit's options, one attribute each: ``nbt.options.snapshots = "text"``."""

    __slots__ = ("_snapshots",)
    _snapshots: Snapshots | None

    def __init__(self) -> None:
        object.__setattr__(self, "_snapshots", None)

    @property
    def snapshots(self) -> Snapshots | None:
        """What a saved notebook shows in the place of a view, where no widget can run.

        ``"full"`` is words and small images, ``"text"`` words alone, ``"off"`` nothing.
        ``None``, as it is in the beginning, is full on the local Phoenix and text on a hosted one.
        """
        return self._snapshots

    def snapshots_of(self, *, local: bool) -> Snapshots:
        """Return what holds for a training on the local, or on a hosted, Phoenix."""
        return self.snapshots or ("full" if local else "text")

    def __setattr__(self, name: str, value: object) -> None:
        if name != "snapshots":
            near = difflib.get_close_matches(name, ["snapshots"], cutoff=0.5)
            raise InputError(
                f"There is no option {shown(name, 40)}.",
                remedy="Did you mean snapshots?" if near else "There is nbt.options.snapshots.",
            )
        if value is not None and not (isinstance(value, str) and value in get_args(Snapshots)):
            raise InputError(
                f"nbt.options.snapshots cannot be {shown(value, 40)}.",
                remedy='Use "full", "text" or "off"; None is the default.',
            )
        object.__setattr__(self, "_snapshots", value)

    def __repr__(self) -> str:
        return f"<options: snapshots={self.snapshots!r}>"


options = Options()
"""The one that holds in this kernel."""
