"""What is worth a look before money is spent. Nothing here stops a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset.caption_edits import leading_words
from phoenix_nbtrain.dataset.edits import pair_problem
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, PairTriple
from phoenix_nbtrain.text import MESSAGE_MAX, as_sentence, shown

Severity = Literal["problem", "advice"]
"""A ``problem`` keeps a row or the training from being taken; ``advice`` is the guide's."""

SIDE_MIN = 1024
"""Pixels that each side should have at least (training guide)."""
IMAGES_FEW, IMAGES_MANY = 5, 20
"""The training guide recommends 5 to 15 images, for styles up to about 20."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing worth a look."""

    kind: str
    """A stable word for it, for example ``no-caption``."""
    severity: Severity
    says: str
    """What there is to say; of an image, what follows its name."""
    name: str = ""
    """The image's name, as it was given."""
    image_id: str | None = None
    pair_id: str | None = None

    @property
    def message(self) -> str:
        """It as one sentence. Made when it is read: of thousands, few ever are."""
        named = f"{shown(self.name, 50)} {self.says}" if self.name else self.says
        return as_sentence(named, MESSAGE_MAX)


def check(draft: Draft, type_name: str) -> tuple[Finding, ...]:
    """Return what is to be said about a draft, problems first.

    Raises:
        InputError: ``type_name`` is no trainable type.
    """
    pairs = catalog.model_type(type_name).pairs
    found = [*_images(draft), *_number(draft, pairs=pairs)]
    found += _pairs(draft) if pairs else _captions(draft)
    found += _config(draft)
    found += [
        _all("changed-there", "problem", words) for _, words in both_changed(draft, type_name)
    ]
    return tuple(sorted(found, key=lambda f: f.severity != "problem"))


def both_changed(draft: Draft, type_name: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters that were changed here and on the service, and how, in words."""
    for name, theirs in draft.config_theirs.items():
        default = catalog.parameters(type_name)[name].default
        mine = draft.config.get(name, default)
        there = default if theirs is None else theirs
        words = f"{name} is {shown(mine, 40)} here, and someone else set {shown(there, 40)}"
        yield name, f"{words} on the service."


def offered_words(text: str) -> str:
    """Say what a frame offers; a row's name or number stands before it."""
    return f"has a different text from a frame: “{shown(text, 80)}”. take_theirs() accepts it"


def _images(draft: Draft) -> Iterator[Finding]:
    for row in draft.images:
        if row.refusal:
            yield _of(row, "refused", "problem", f"was refused: {row.refusal}")
        if row.offered is not None:
            yield _of(row, "offered", "advice", offered_words(row.offered))
        sides = [n for n in (row.width, row.height) if n is not None]
        if sides and min(sides) < SIDE_MIN:
            size = f"{row.width} × {row.height}"
            yield _of(
                row, "small", "advice", f"is {size} pixels; {SIDE_MIN} or more per side is best"
            )
    for row in _doubled(draft.images):
        yield _of(row, "same-image", "advice", "is in the dataset twice")


def _doubled(rows: Iterable[ImageRow]) -> Iterator[ImageRow]:
    seen: set[str] = set()
    for row in rows:
        if row.content_hash in seen:
            yield row
        elif row.content_hash:
            seen.add(row.content_hash)


def _number(draft: Draft, *, pairs: bool) -> Iterator[Finding]:
    images = len(draft.images)
    if images > catalog.IMAGES_MAX:
        yield _all(
            "too-many",
            "problem",
            f"{images} images; a training can have at most {catalog.IMAGES_MAX}.",
        )
    if pairs:
        good = sum(not pair_problem(row, draft.image) for row in draft.pairs)
        if good < catalog.PAIRS_MIN:
            yield _all(
                "too-few-pairs",
                "problem",
                f"{good} usable pairs; this type needs at least {catalog.PAIRS_MIN}.",
            )
    elif not images:
        yield _all("too-few", "problem", "There are no images yet. Add some first.")
    elif images < IMAGES_FEW:
        yield _all("few", "advice", f"{images} images. 5–20 is recommended for this type.")
    elif IMAGES_MANY < images <= catalog.IMAGES_MAX:
        yield _all("many", "advice", f"{images} images. 5–20 is recommended for this type.")


def _captions(draft: Draft) -> Iterator[Finding]:
    for row in draft.images:
        if not (row.caption or row.automatic_caption).strip():
            yield _of(row, "no-caption", "advice", "has no caption")
    used = Counter(row.caption.strip() for row in draft.images if row.caption.strip())
    for row in draft.images:
        if used[row.caption.strip()] > 1:
            yield _of(row, "same-caption", "advice", "shares its caption with another image")
    yield from _trigger(draft)


def _trigger(draft: Draft) -> Iterator[Finding]:
    """Find the word that most captions open with, and the captions that lack it."""
    written = [row for row in draft.images if row.caption.strip()]
    words = Counter(leading_words(row.caption) for row in written)
    words.pop("", None)
    if not words:
        return
    word, count = words.most_common(1)[0]
    # "A cat, …" on some is no trigger word; one that leads more than half of the captions is.
    if not 2 <= count < len(written) or count * 2 <= len(written):
        return
    for row in written:
        if leading_words(row.caption) != word:
            yield _of(
                row,
                "trigger-missing",
                "advice",
                f"does not begin with {shown(word, 30)!r}, as {count} other captions do",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairNeed:
    """What one pair lacks, or what is to be known of it."""

    pair_id: str
    number: int
    """Its place in the table, from 1."""
    kind: str
    """A stable word for it, for example ``no-source``."""
    severity: Severity
    says: str
    """The reason, to follow “Pair 3: ”."""


def pair_needs(draft: Draft) -> Iterator[PairNeed]:
    """Tell what each pair lacks, in the table's order, problems of a pair before advice."""
    first: dict[PairTriple, int] = {}
    for n, row in enumerate(draft.pairs, 1):
        again = first.setdefault(row.triple, n)
        told: list[tuple[str, Severity, str]] = []
        broken = pair_problem(row, draft.image)
        if broken:
            told.append((_broken_kind(draft, row), "problem", broken))
        elif row.theirs is not None:
            told.append(("changed-there", "problem", row.refusal))
        elif row.refusal:
            told.append(("refused-pair", "problem", row.refusal))
        else:
            told.extend(_image_needs(draft, row))
        if not row.instruction.strip():
            told.append(("no-instruction", "advice", "it has no instruction"))
        if again != n and row.source and row.target:
            told.append(("same-pair", "advice", f"it is a duplicate of pair {again}"))
        for kind, severity, says in told:
            yield PairNeed(pair_id=row.pair_id, number=n, kind=kind, severity=severity, says=says)


def _broken_kind(draft: Draft, row: PairRow) -> str:
    for side, image_id in (("source", row.source), ("target", row.target)):
        if not image_id:
            return f"no-{side}"
        if image_id not in draft.image:
            return "removed-image"
    return "one-image"


def _image_needs(draft: Draft, row: PairRow) -> Iterator[tuple[str, Severity, str]]:
    source, target = draft.image[row.source], draft.image[row.target]
    for side, image in (("source", source), ("target", target)):
        if image.refusal:
            yield "refused-image", "problem", f"its {side} image was refused"
            return
    sizes = [(image.width, image.height) for image in (source, target)]
    if None not in (*sizes[0], *sizes[1]) and sizes[0] != sizes[1]:
        told = " → ".join(f"{width} × {height}" for width, height in sizes)
        yield "sizes", "advice", f"its images differ in size: {told}"


def _pairs(draft: Draft) -> Iterator[Finding]:
    used = {image_id for row in draft.pairs for image_id in (row.source, row.target)}
    broken: set[str] = set()
    for need in pair_needs(draft):
        row = draft.pair[need.pair_id]
        says = f"Pair {need.number}: {need.says}"
        if need.severity == "problem":
            broken.add(need.pair_id)
            yield _pair(row, "broken-pair", "problem", says)
        elif need.kind != "no-instruction" or need.pair_id not in broken:
            yield _pair(row, need.kind, "advice", says)
    for number, row in enumerate(draft.pairs, 1):
        if row.offered is not None:
            says = f"Pair {number} {offered_words(row.offered)}"
            yield _pair(row, "offered", "advice", says)
    for image in draft.images:
        if image.image_id not in used:
            yield _of(image, "unused", "advice", "is in no pair")


def _config(draft: Draft) -> Iterator[Finding]:
    sources = draft.config.get("sample_sources", ())
    for value in sources if isinstance(sources, list | tuple) else ():
        if isinstance(value, str) and value.startswith("img_") and value not in draft.image:
            yield _all(
                "sample-source-gone",
                "problem",
                "An image in sample_sources was removed. Set it again.",
            )


def _of(row: ImageRow, kind: str, severity: Severity, says: str) -> Finding:
    name, image_id = row.name, row.image_id
    return Finding(kind=kind, severity=severity, says=says, name=name, image_id=image_id)


def _pair(row: PairRow, kind: str, severity: Severity, says: str) -> Finding:
    return Finding(kind=kind, severity=severity, says=says, pair_id=row.pair_id)


def _all(kind: str, severity: Severity, says: str) -> Finding:
    return Finding(kind=kind, severity=severity, says=says)
