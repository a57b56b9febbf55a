"""Turning what somebody gives into images of the set, and telling each file's fate."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from phoenix_nbtrain.dataset.allowed_text import caption_text, name_text
from phoenix_nbtrain.dataset.image_sources import Candidate, candidates, counted
from phoenix_nbtrain.dataset.lookup import path_parts
from phoenix_nbtrain.dataset.report import AddReport, FileFate
from phoenix_nbtrain.dataset.sidecars import caption_in
from phoenix_nbtrain.draft import url_key
from phoenix_nbtrain.errors import ImageError, InputError
from phoenix_nbtrain.images import metadata
from phoenix_nbtrain.images.header import ImageHeader, inspect
from phoenix_nbtrain.text import shown

_REMOVED = "you removed it"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundImage:
    """An image that is new to the set. A file's has all of it; an asset or URL only names one."""

    name: str
    content_hash: str | None = None
    """SHA-256 of the file without its metadata, hexadecimal: of what is sent."""
    header: ImageHeader | None = None
    size: int | None = None
    """Bytes of the file without its metadata."""
    file_size: int | None = None
    """Bytes of the file as it is."""
    caption: str = ""
    asset_id: str | None = None
    url: str | None = field(default=None, repr=False)
    """Where the service can import it from."""
    source: Callable[[], bytes] | None = None

    @property
    def key(self) -> str:
        """What tells it from others: its content, its asset id or its URL's hash."""
        return self.content_hash or self.asset_id or url_key(self.url or "")

    def read(self) -> bytes:
        """Return what is to be sent: the file that was looked at, without its metadata.

        Raises:
            ImageError: the file is gone or has changed, or the image is no file.
        """
        if self.source is None:
            raise ImageError(f"{shown(self.name)} is not a file on this computer.")
        content = metadata.strip(self.source())
        if hashlib.sha256(content).hexdigest() != self.content_hash:
            raise ImageError(
                f"{shown(self.name)} changed while it was being added.", remedy="Add it again."
            )
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was given, each file looked at once, before it is known which images are new."""

    found: tuple[tuple[Candidate, FoundImage | str, str], ...] = ()
    """Each with its image, or why it is none; and what is to be said of it besides."""
    label: str = ""
    """How many files of which folders, in words."""

    @property
    def images(self) -> tuple[FoundImage, ...]:
        """Those that are images, doubles included."""
        return tuple(p for _, p, _ in self.found if isinstance(p, FoundImage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What was given, sorted into new images and fates."""

    images: tuple[FoundImage, ...] = ()
    """The new ones, in order; the n-th belongs to the n-th fate ``added``."""
    fates: tuple[FileFate, ...] = ()
    """One for each file, in order. Those added have no image id yet."""

    def report(self, image_ids: Collection[str | None], *, problem: str = "") -> AddReport:
        """Return the report, once the new images have ids: one each, in order.

        ``None`` is an image that somebody removed while it was being read.
        """
        ids = iter(image_ids)
        rows = [_landed(f, next(ids)) if f.fate == "added" else f for f in self.fates]
        return AddReport(tuple(rows), problem)


def _landed(fate: FileFate, image_id: str | None) -> FileFate:
    if image_id is None:
        return replace(fate, fate="left out", reason=_REMOVED)
    return replace(fate, image_id=image_id)


def take(
    source: object,
    *,
    recursive: bool = False,
    room: int,
    known: Mapping[str, str] | None = None,
    names: Collection[str] = (),
) -> Intake:
    """Look at everything that ``source`` holds, and tell what is new: `look`, then `sort`."""
    looked = look(source, recursive=recursive, room=room, known=known or {})
    return sort(looked, room=room, known=known or {}, names=names)


def look(
    source: object,
    *,
    recursive: bool = False,
    room: int,
    known: Collection[str] = (),
    spare: int = 0,
) -> Looked:
    """Read each file that ``source`` holds, once.

    Args:
        source: a folder, a file, a zip archive, a CSV or JSON lines file, a DataFrame with a
            column ``path`` (and ``caption``), a PIL image, an asset id, a URL, a list of these,
            or a mapping from path to caption. The caption of ``cat.png`` may be in ``cat.txt``.
        recursive: whether the folders below a folder count too.
        room: how many more images fit.
        known: what tells the images that are in the set.
        spare: how many images of the set are not known by content, so that what looks new may
            turn out to be one of them.

    Raises:
        InputError: nothing can be had from ``source``, or there are more new images than can
            fit; the rest is not read then.
    """
    given = candidates(source, recursive=recursive)
    label = f"{len(given):,} files ({counted(given)})"
    found: list[tuple[Candidate, FoundImage | str, str]] = []
    new: set[str] = set()
    for candidate in given:
        try:
            image, remark = _look(candidate)
        except InputError as error:
            found.append((candidate, str(error), ""))
            continue
        found.append((candidate, image, remark))
        if image.key not in known:
            new.add(image.key)
        if len(new) > room + spare:
            raise _too_many(room, label)
    return Looked(found=tuple(found), label=label)


def sort(
    looked: Looked,
    *,
    room: int,
    known: Mapping[str, str],
    names: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Intake:
    """Tell what is new among what was looked at.

    Args:
        looked: what `look` returned.
        room: how many more images fit.
        known: image ids of images that are in the set, by what tells them (`FoundImage.key`).
        names: names that are taken. Two images of one name get their folder before it
            (``line/cat.png``), and where that is the same too, a number.
        left_out: what tells images that a person removed, which are not added again.

    Raises:
        InputError: more new images than there is room for; then nothing is taken.
    """
    fates: list[FileFate] = []
    new: list[tuple[int, FoundImage, tuple[str, ...]]] = []
    seen: dict[str, int] = {}
    for candidate, image, remark in looked.found:
        if isinstance(image, str):
            fates.append(FileFate(name=_own_name(candidate), fate="refused", reason=image))
            continue
        key = image.key
        if key in known:
            fates.append(FileFate(name=image.name, fate="already there", image_id=known[key]))
        elif key in left_out:
            fates.append(FileFate(name=image.name, fate="left out", reason=_REMOVED))
        elif key in seen:
            same = shown(new[seen[key]][1].name, 60)
            reason = f"the same image as {same}"
            fates.append(FileFate(name=image.name, fate="already there", reason=reason))
        elif len(new) >= room:
            raise _too_many(room, looked.label)
        else:
            seen[key] = len(new)
            new.append((len(fates), image, path_parts(candidate.path)))
            fates.append(FileFate(name=image.name, fate="added", reason=remark))
    distinct = _distinct([parts for _, _, parts in new], [p.name for _, p, _ in new], names)
    images: list[FoundImage] = []
    for (at, image, _), name in zip(new, distinct, strict=True):
        images.append(replace(image, name=name))
        fates[at] = replace(fates[at], name=name)
    return Intake(images=tuple(images), fates=tuple(fates))


def _too_many(room: int, label: str) -> InputError:
    return InputError(
        f"There is room for {room} more images, but {label} were given.",
        remedy="Nothing was added; give fewer.",
    )


def _look(candidate: Candidate) -> tuple[FoundImage, str]:
    """Return the image, and what is to be said about it.

    Raises:
        InputError: it cannot be taken.
    """
    if candidate.problem:
        raise InputError(candidate.problem)
    name = name_text(_own_name(candidate))
    caption, remark = _caption(candidate)
    if candidate.read is None:
        image = FoundImage(
            name=name, asset_id=candidate.asset_id, url=candidate.url, caption=caption
        )
        return image, remark
    content = candidate.read()
    sent = metadata.strip(content)
    return (
        FoundImage(
            name=name,
            content_hash=hashlib.sha256(sent).hexdigest(),
            header=inspect(sent),
            size=len(sent),
            file_size=len(content),
            caption=caption,
            source=candidate.read,
        ),
        remark,
    )


def _caption(candidate: Candidate) -> tuple[str, str]:
    """Return the caption, and why there is none where its file is of no use."""
    try:
        if candidate.caption is not None:
            return caption_text(candidate.caption), ""
        if candidate.read_caption is None:
            return "", ""
        return caption_in(candidate.read_caption()), ""
    except InputError as error:
        return "", f"without its caption: {error.message}"


def _own_name(candidate: Candidate) -> str:
    return candidate.path.rsplit("/", 1)[-1]


def _distinct(paths: list[tuple[str, ...]], own: list[str], taken: Collection[str]) -> list[str]:
    """Return a name for each image that no other has, as short as can be."""
    names = list(own)
    others = set(taken)
    for depth in range(2, 2 + max((len(parts) for parts in paths), default=0)):
        used = Counter(names)
        clashes = [i for i, n in enumerate(names) if used[n] > 1 or n in others]
        if not clashes:
            return names
        for i in clashes:
            longer = "/".join([*paths[i][-depth:-1], own[i]])
            if len(longer.encode()) <= 255:
                names[i] = longer
    for i, name in enumerate(names):
        if name in others:
            base, dot, extension = name.rpartition(".")
            numbered = (
                f"{base} ({n}){dot}{extension}" if dot else f"{name} ({n})"
                for n in range(2, len(names) + len(others) + 3)
            )
            names[i] = next(n for n in numbered if n not in others)
        others.add(names[i])
    return names
