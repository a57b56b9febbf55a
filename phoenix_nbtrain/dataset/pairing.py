"""Finding the pairs that file names already tell of."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.dataset.lookup import Lookup, path_parts, stem
from phoenix_nbtrain.draft import COLUMNS as COLUMNS_OF
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow, PairTriple, new_pair_id
from phoenix_nbtrain.errors import InputError, PairError
from phoenix_nbtrain.text import counted, natural_key, shown

COLUMNS = COLUMNS_OF["pairs"]
"""What a pair's record holds; the instruction may be left out."""

Group: TypeAlias = str | Iterable[str]
"""One side: a folder (``"line/"``), a word of the file name (``"before"``), or a list of names."""

_KNOWN = (
    ("before", "after"),
    ("source", "target"),
    ("src", "dst"),
    ("input", "output"),
    ("in", "out"),
    ("line", "color"),
    ("line", "colour"),
    ("sketch", "color"),
    ("a", "b"),
)
"""What people call the two sides, tried in this order where nobody says."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PairUp:
    """What `pair_up` found."""

    ops: tuple[Op, ...]
    """The inserts, for `edits.apply`; pairs that are there already are not among them."""
    paired: int
    """Pairs found, those that are there already included."""
    left_out: int = 0
    """Pairs found besides that a person removed before."""
    left_over: tuple[str, ...]
    """Names of the images on either side that have no partner."""

    def __str__(self) -> str:
        made, there = len(self.ops), self.paired - len(self.ops)
        text = counted(made, "pair") + " made"
        if there:
            text += f", {there:,} {'was' if there == 1 else 'were'} there already"
        if self.left_out:
            text += f"; {left_out.said(pairs=self.left_out)} (again=True makes them)"
        if self.left_over:
            names = ", ".join(shown(name, 30) for name in self.left_over[:5])
            more = len(self.left_over) - 5
            text += f"; without a partner: {names}" + (f" and {more} more" if more > 0 else "")
        return text + "."

    def __repr__(self) -> str:
        return f"<{self}>"


def pair_up(
    draft: Draft,
    sources: Group | None = None,
    targets: Group | None = None,
    *,
    instruction: str = "",
    again: bool = False,
) -> PairUp:
    """Match two groups of images by what else their names say.

    ``line/cat.png`` goes with ``colour/cat.png``, ``cat_before.png`` with ``cat_after.jpg``,
    ``cat.line.png`` with ``cat.color.png``. Without groups the usual words are tried: before and
    after, source and target, input and output, line and colour.

    Args:
        draft: the draft with the images.
        sources: the group that pairs start from; see `Group`.
        targets: the group that pairs lead to.
        instruction: what every new pair says.
        again: whether to make pairs that a person removed before, too.

    Raises:
        PairError: only one group is given, a group has no image, no pair is found, or two
            images of a group have the same rest of the name.
    """
    instruction = caption_text(instruction, "instruction")
    if (sources is None) != (targets is None):
        raise PairError("Only one group is given.", remedy="Give both, or neither.")
    if sources is None or targets is None:
        left, right = _guessed(draft)
    elif isinstance(sources, str) and isinstance(targets, str):
        left, right = (
            _unique(rows, what)
            for rows, what in zip(
                _sides(draft, sources, targets), ("sources", "targets"), strict=True
            )
        )
        for rows, word in ((left, sources), (right, targets)):
            if not rows:
                raise _no_image(word)
    else:
        left, right = _group(draft, sources, "sources"), _group(draft, targets, "targets")
    both = {row.image_id for row in left.values()} & {row.image_id for row in right.values()}
    if both:
        name = draft.image[next(iter(both))].name
        raise PairError(
            f"{shown(name)} is in both groups.", remedy="Use groups that don't overlap."
        )
    keys = sorted(left.keys() & right.keys(), key=natural_key)
    if not keys:
        raise PairError(
            f"No source matches a target: {_some(left)} and {_some(right)}.",
            remedy="Give the two images of a pair the same name, or set training.pairs.",
        )
    alone = [row.name for rows in (left, right) for k, row in rows.items() if k not in keys]
    return _paired(
        draft,
        [(left[key].image_id, right[key].image_id) for key in keys],
        instruction=instruction,
        left_over=tuple(sorted(alone, key=natural_key)),
        again=again,
    )


def pair_chosen(draft: Draft, ids: Sequence[str]) -> PairUp:
    """Pair the chosen images: two in their order, source first; more by what their names say.

    Raises:
        PairError: there are less than two, one was removed, or the names of more than two tell of
            no pairs.
    """
    rows = [draft.image[i] for i in dict.fromkeys(ids) if i in draft.image]
    if len(rows) < 2:
        raise PairError("A pair needs two images.", remedy="Select two, the source first.")
    if len(rows) == 2:
        source, target = rows
        return _paired(
            draft, [(source.image_id, target.image_id)], instruction="", left_over=(), again=True
        )
    try:
        return pair_up(replace(draft, images=tuple(rows)), again=True)
    except PairError as error:
        raise PairError(
            f"The names of these {len(rows):,} images don't suggest any pairs.",
            remedy="Select two at a time, the source first.",
        ) from error


def _paired(
    draft: Draft,
    pairs: Sequence[tuple[str, str]],
    *,
    instruction: str,
    left_over: tuple[str, ...],
    again: bool,
) -> PairUp:
    there = {row.triple[:2] for row in draft.pairs}
    out = set() if again else {p for p in pairs if p not in there and left_out.has_pair(draft, *p)}
    ops = tuple(
        {
            "op": "insert",
            "table": "pairs",
            "row": new_pair_id(),
            "at": None,
            "values": {"source": source, "target": target, "instruction": instruction},
        }
        for source, target in pairs
        if (source, target) not in there and (source, target) not in out
    )
    return PairUp(ops=ops, paired=len(pairs) - len(out), left_out=len(out), left_over=left_over)


def recognised(
    pairs: Sequence[PairRow],
    triples: Sequence[PairTriple | None],
    shown_ids: Collection[str] | None = None,
) -> dict[int, str]:
    """Return the ids of the pairs that these triples mean, each once, by the triples' places.

    First those that are the same in all, then those of the same images. The latter are rewritten,
    so they must be among ``shown_ids`` where that is given.
    """
    found: dict[int, str] = {}
    for length in (3, 2):
        claimed, free = set(found.values()), defaultdict[tuple[str, ...], list[str]](list)
        for row in pairs:
            rewritable = shown_ids is None or row.pair_id in shown_ids
            if row.pair_id not in claimed and (length == 3 or rewritable):
                free[row.triple[:length]].append(row.pair_id)
        for at, triple in enumerate(triples):
            if triple is not None and at not in found and free.get(triple[:length]):
                found[at] = free[triple[:length]].pop(0)
    return found


def check_records(rows: object) -> None:
    """Refuse what is no list of pairs' records.

    Raises:
        InputError: the first thing that is wrong, by its number.
    """
    remedy = 'Give [{"source": "a.png", "target": "b.png", "instruction": "…"}].'
    if isinstance(rows, str | bytes) or not isinstance(rows, Sequence):
        raise InputError(f"Pairs must be a list of records, not {shown(rows, 40)}.", remedy=remedy)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, Mapping):
            raise InputError(f"Pair {number} is {shown(row, 40)}, not a record.", remedy=remedy)
        missing = next((side for side in COLUMNS[:2] if side not in row), None)
        if missing is not None:
            raise InputError(f"Pair {number} has no {missing}.", remedy=remedy)
        # A frame's own records tell their state and its reason too, which are nobody's to set.
        known = (*COLUMNS, "state", "reason")
        unknown = next((key for key in row if key not in known), None)
        if unknown is not None:
            raise InputError(
                f"Pair {number} has an unknown field {shown(unknown, 40)}.", remedy=remedy
            )


def _group(draft: Draft, group: Group, what: str) -> dict[str, ImageRow]:
    if isinstance(group, str):
        rows = _worded(draft.images, group)
    elif isinstance(group, Iterable):
        lookup = Lookup(draft.images)
        found = [lookup.find(name) for name in group]
        word = _shared_word([row.name for row in found])
        rows = [((word and _rest(row.name, word)) or _bare(row.name), row) for row in found]
    else:
        raise PairError(
            f"{what} is {shown(group, 40)}.", remedy="Give a folder, a word or a list of names."
        )
    if not rows:
        raise _no_image(group)
    return _unique(rows, what)


def _no_image(group: Group) -> PairError:
    return PairError(
        f"No image's name contains {shown(group, 40)} as a folder or a word.",
        remedy="training.images shows the names.",
    )


Keyed: TypeAlias = list[tuple[str, ImageRow]]


def _sides(draft: Draft, source: str, target: str) -> tuple[Keyed, Keyed]:
    """Return both groups. What has both words is on the side of the later: it tells the side."""
    left, right = _worded(draft.images, source), _worded(draft.images, target)
    both = {row.image_id for _, row in left} & {row.image_id for _, row in right}

    def later(row: ImageRow) -> int:
        name = row.name.casefold()
        return name.rfind(_word(source)) - name.rfind(_word(target))

    return (
        [(k, r) for k, r in left if r.image_id not in both or later(r) >= 0],
        [(k, r) for k, r in right if r.image_id not in both or later(r) <= 0],
    )


def _worded(images: Sequence[ImageRow], word: str) -> list[tuple[str, ImageRow]]:
    """Return the images whose folder, or a word of whose name, is ``word``, by the rest."""
    rows = []
    for row in images:
        rest = _rest(row.name, _word(word))
        if rest is not None:
            rows.append((rest, row))
    return rows


def _word(given: str) -> str:
    return (given.strip().strip("/\\").strip("_.- ") or given).casefold()


def _rest(name: str, word: str) -> str | None:
    *folders, last = path_parts(name) or ("",)
    lowered = [f.casefold() for f in folders]
    if word in lowered:
        at = lowered.index(word)
        return "/".join([*lowered[:at], *lowered[at + 1 :], stem(last).casefold()])
    parts = re.split(r"([_.\-\s]+)", stem(last).casefold())
    words = parts[::2]
    if word not in words or len(words) < 2:
        return None
    # The last one: in "before_sunset_before" the word that tells the side stands at the end.
    at = len(words) - 1 - words[::-1].index(word)
    return "/".join([*lowered, " ".join(words[:at] + words[at + 1 :])])


def _bare(name: str) -> str:
    parts = path_parts(name)
    return stem(parts[-1]).casefold() if parts else name


def _shared_word(names: Sequence[str]) -> str | None:
    """Return the one word or folder that all names share and that is not all of any of them."""
    shared: set[str] | None = None
    for name in names:
        *folders, last = path_parts(name) or ("",)
        words = {f.casefold() for f in folders}
        words |= set(re.split(r"[_.\-\s]+", stem(last).casefold()))
        shared = words if shared is None else shared & words
    candidates = sorted(w for w in shared or () if all(_rest(n, w) for n in names))
    return candidates[0] if len(candidates) == 1 and len(names) > 1 else None


def _guessed(draft: Draft) -> tuple[dict[str, ImageRow], dict[str, ImageRow]]:
    best: tuple[int, Keyed, Keyed] = (0, [], [])
    for source, target in _KNOWN:
        left, right = _sides(draft, source, target)
        found = len(dict(left).keys() & dict(right).keys())
        if found > best[0]:
            best = (found, left, right)
    if not best[0]:
        raise PairError(
            "The names don't suggest any pairs.",
            remedy="Say which: pair_up('line/', 'colour/') or pair_up('before', 'after').",
        )
    return _unique(best[1], "sources"), _unique(best[2], "targets")


def _unique(rows: Iterable[tuple[str, ImageRow]], what: str) -> dict[str, ImageRow]:
    found: dict[str, ImageRow] = {}
    for key, row in rows:
        if key in found and found[key] is not row:
            raise PairError(
                f"Among the {what}, {shown(found[key].name, 40)} and {shown(row.name, 40)} "
                "would have the same partner.",
                remedy="Rename one of them.",
            )
        found[key] = row
    return found


def _some(rows: dict[str, ImageRow]) -> str:
    names = [shown(row.name, 24) for row in itertools.islice(rows.values(), 2)]
    return ", ".join(names) + (", …" if len(rows) > 2 else "")
