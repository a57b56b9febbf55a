"""Where images come from: folders, files, tables, archives, images in memory, ids, URLs.

Nothing is read here but folder listings; a `Candidate` knows how to read itself.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from phoenix_nbtrain.dataset.archive import members
from phoenix_nbtrain.dataset.folders import FILES_MAX, noise, read_file, too_many, walk
from phoenix_nbtrain.dataset.missing_paths import not_there
from phoenix_nbtrain.dataset.sidecars import sidecar_beside, sidecar_name
from phoenix_nbtrain.dataset.table_reader import Table, is_table, read_table, table_of
from phoenix_nbtrain.dataset.urls import checked_url, is_url, url_name
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.images.header import BYTES_MAX
from phoenix_nbtrain.text import ending, natural_key, shown

_ASSET = re.compile(r"asset_[A-Za-z0-9]{8,64}")
_PATH_COLUMNS = ("path", "file", "file_name", "filename", "image")
_CAPTION_COLUMNS = ("caption", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that may be an image."""

    path: str
    """Where it is, with forward slashes; its last part is the name it goes by."""
    read: Callable[[], bytes] | None = None
    """Returns the file's bytes or raises ImageError; ``None`` where only the service has them."""
    caption: str | None = None
    """A caption that came with it; ``None`` where none did."""
    read_caption: Callable[[], bytes] | None = None
    """Reads the caption file beside it."""
    asset_id: str | None = None
    url: str | None = field(default=None, repr=False)
    """Where the service can import it from."""
    problem: str = ""
    """Why it cannot be taken, where that is known already."""

    @property
    def folder(self) -> str:
        """The folder it is in, by name."""
        parts = self.path.rsplit("/", 2)
        return parts[-2] if len(parts) > 1 else ""


def candidates(source: object, *, recursive: bool = False) -> list[Candidate]:
    """Return what ``source`` may hold. A folder's files come in natural order.

    Raises:
        InputError: there is nothing to be had from it at all.
    """
    if isinstance(source, str) and not source.strip():
        raise _empty()
    if isinstance(source, str | os.PathLike):
        return _named(source, recursive=recursive, alone=True)
    if _is_frame(source):
        return _table_of(source)
    if _is_image(source):
        return [_in_memory(source)]
    if isinstance(source, Mapping):
        return [_captioned(c, text) for key, text in source.items() for c in _each(key, recursive)]
    if isinstance(source, Iterable) and not _is_raw(source) and getattr(source, "ndim", 1) != 0:
        ones = list(islice(source, FILES_MAX + 1))  # one that never ends would fill the memory
        if len(ones) > FILES_MAX:
            raise InputError(
                f"More than {FILES_MAX:,} images are given.", remedy="Give those of one training."
            )
        return [c for one in ones for c in _each(one, recursive)]
    raise InputError(
        f"Images cannot be added from {shown(type(source).__name__, 40)}.",
        remedy=(
            "Give a folder, files, a DataFrame, a zip, asset ids, URLs, or a PIL image: "
            "Image.fromarray(…), Image.open(…)."
        ),
    )


def counted(found: Iterable[Candidate]) -> str:
    """Return how many candidates each folder has, the fullest first, in words."""
    folders = Counter(c.folder or "here" for c in found)
    parts = [f"{shown(name, 24)} {count:,}" for name, count in folders.most_common(3)]
    return ", ".join(parts) + (f" and {len(folders) - 3} more" if len(folders) > 3 else "")


def _each(one: object, recursive: bool) -> list[Candidate]:
    """Return what one element of a list holds; what is missing is that element's problem."""
    if _is_image(one):
        return [_in_memory(one)]
    if isinstance(one, str) and not one.strip():
        return [Candidate(path="", problem="It is an empty string.")]
    if not isinstance(one, str | os.PathLike):
        return [Candidate(path=shown(one, 60), problem="It is not a path, image, asset id or URL.")]
    try:
        return _named(one, recursive=recursive, alone=False)
    except InputError as error:
        text = os.fsdecode(os.fspath(one))
        return [Candidate(path=url_name(text) if is_url(text) else text, problem=str(error))]


def _named(given: str | os.PathLike[Any], *, recursive: bool, alone: bool) -> list[Candidate]:
    text = os.fsdecode(os.fspath(given))
    if isinstance(given, str):
        if is_url(text):
            url = checked_url(text)
            return [Candidate(path=url_name(url), url=url)]
        if _ASSET.fullmatch(text):
            return [Candidate(path=text, asset_id=text)]
    path, kind = _there(text)
    if stat.S_ISDIR(kind):
        return _folder(path, recursive=recursive)
    if alone and is_table(path):
        return _table(read_table(path).faultless(), path.parent)
    if path.suffix.lower() == ".zip":
        return _zip(path)
    return [_file(path, path.as_posix())]


def folder_of(given: str | os.PathLike[Any]) -> Path:
    """Return the folder that somebody named.

    Raises:
        InputError: it is not there, or is none.
    """
    if not isinstance(given, str | os.PathLike):
        raise InputError(f"{shown(given, 60)} is not a folder.", remedy="Give its path.")
    text = os.fsdecode(os.fspath(given))
    if not text.strip():
        raise _empty()
    path, kind = _there(text)
    if not stat.S_ISDIR(kind):
        raise InputError(
            f"{ending(path)} is not a folder.", remedy="Give the folder that contains it."
        )
    return path


def _there(text: str) -> tuple[Path, int]:
    """Return a path that is there, and what kind of thing it is."""
    if text.startswith("\\\\"):  # on Windows, looking whether it is there would contact it
        raise InputError("Network paths are not opened.", remedy="Copy the images here first.")
    path = Path(text)
    try:
        path = path.expanduser() if text.startswith("~") else path
        return path, path.stat().st_mode
    except (OSError, ValueError, RuntimeError):  # the last: a user that there is not
        raise not_there(path) from None


def _empty() -> InputError:
    # As a path it would be the current folder, which a forgotten variable does not mean.
    return InputError("No source was given.", remedy='Give a folder; "." is the current one.')


def _folder(path: Path, *, recursive: bool) -> list[Candidate]:
    files: list[str] = []
    below: Counter[str] = Counter()
    for folder, _, names in walk(path):
        inside = Path(folder).relative_to(path)
        if recursive or not inside.parts:
            files += [str(inside / name) for name in names]
        else:
            below[inside.parts[0]] += len(names)
        if len(files) + below.total() > FILES_MAX:
            raise too_many(path)
    if not files:
        if below:
            parts = [f"{shown(n, 24)} {c:,}" for n, c in below.most_common(3)]
            raise InputError(
                f"{shown(path.name or str(path), 40)} has only folders: {', '.join(parts)}"
                f"{', …' if len(below) > 3 else ''}.",
                remedy="Pass recursive=True, or give one of them.",
            )
        raise InputError(f"{shown(str(path))} holds no files.", remedy="Give another folder.")
    files.sort(key=natural_key)
    # The folder's own name leads, so that line/cat.png and colour/cat.png can be told apart.
    above = path.resolve().name
    return [_file(path / f, "/".join([above, *Path(f).parts])) for f in files]


def _file(path: Path, shown_as: str) -> Candidate:
    return Candidate(
        path=shown_as,
        read=lambda: read_file(path, BYTES_MAX),
        read_caption=sidecar_beside(path),
    )


def _zip(path: Path) -> list[Candidate]:
    files = dict(members(path))
    kept = [n for n in files if not noise(n.rsplit("/", 1)[-1]) and "__MACOSX" not in n]
    if not kept:
        raise InputError(f"{shown(path.name)} holds no images.")
    return [
        Candidate(
            path=f"{path.stem}/{name}",
            read=files[name],
            read_caption=files.get(sidecar_name(name)),
        )
        for name in sorted(kept, key=natural_key)
    ]


def _table_of(frame: Any) -> list[Candidate]:
    if len(frame) > FILES_MAX:
        raise InputError(f"The table has {len(frame):,} rows.", remedy="Give a smaller one.")
    return _table(table_of(frame), Path())


def _table(table: Table, base: Path) -> list[Candidate]:
    paths = [c for c in table.columns if c in _PATH_COLUMNS]
    captions = [c for c in table.columns if c in _CAPTION_COLUMNS]
    if len(paths) != 1 or len(captions) > 1:
        columns = shown(", ".join(map(str, table.columns)), 60)
        raise InputError(
            f"A table of images has one column path and at most one caption, not {columns}.",
            remedy="Rename its columns.",
        )
    found: list[Candidate] = []
    for number, row in enumerate(table.rows, 1):
        value = row.cells.get(paths[0])
        if not isinstance(value, str | os.PathLike) or not os.fspath(value):
            found.append(Candidate(path=f"row {number}", problem="The row names no file."))
            continue
        name: Any = value
        if not (isinstance(value, str) and (is_url(value) or _ASSET.fullmatch(value))):
            name = base / Path(value).expanduser()
        caption = row.cells.get(captions[0]) if captions else None
        found += [_captioned(c, caption) for c in _each(name, recursive=False)]
    return found


def _captioned(candidate: Candidate, caption: object) -> Candidate:
    if not isinstance(caption, str):
        return candidate
    return replace(candidate, caption=caption)


def _is_raw(source: object) -> bool:
    """Return whether it is bytes, a stream or numbers: one thing, whatever it can be iterated by."""
    if isinstance(source, bytes | bytearray | memoryview | io.IOBase):
        return True
    kind = getattr(getattr(source, "dtype", None), "kind", "O")
    return isinstance(kind, str) and kind in "biufc"


def _is_frame(source: object) -> bool:
    # Asked of the type's name, so that pandas is not loaded for a folder.
    return any(
        t.__module__.partition(".")[0] == "pandas" and t.__name__ == "DataFrame"
        for t in type(source).__mro__
    )


def _is_image(source: object) -> bool:
    return any(t.__module__ == "PIL.Image" and t.__name__ == "Image" for t in type(source).__mro__)


def _in_memory(image: Any) -> Candidate:
    """Return an image that somebody made with Pillow, as a PNG, so that no pixel changes."""
    out = io.BytesIO()
    try:
        file_name = getattr(image, "filename", "")
        image = _upright(image)
        if image.mode in ("F", "I"):
            # What its numbers mean is not written in it: 0 to 1, to 255 or to 65,535.
            return Candidate(
                path="image",
                problem=f"Its mode {image.mode} has no fixed range. Scale it to 0 to 255 and give "
                "image.convert('L').",
            )
        if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
            image = image.convert("RGB")
            image.info.pop("icc_profile", None)  # it describes the colours that were
        image.save(out, "PNG", compress_level=1)
    except Exception as error:  # whatever a half-made or closed image raises
        return Candidate(path="image", problem=f"It cannot be saved: {shown(str(error), 80)}.")
    content = out.getvalue()
    name = Path(os.fsdecode(file_name or "")).stem
    name = name or f"image-{hashlib.sha256(content).hexdigest()[:8]}"
    return Candidate(path=f"{name}.png", read=lambda: content)


def _upright(image: Any) -> Any:
    """Return the image as its camera says that it is held. A PNG would not tell any more."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)
