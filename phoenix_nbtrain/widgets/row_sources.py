"""Rows that views page through, and what each tells the page.

A source is rows as they stand at one moment: a draft's images, its pairs, the images of a folder.
It is frozen, and a new one is made when they change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from phoenix_nbtrain.dataset.checks import Finding, PairNeed, pair_needs
from phoenix_nbtrain.dataset.listing import Entry, Wish, listed
from phoenix_nbtrain.draft import Draft, ImageRow, PairRow


class Source(Protocol):
    """Rows as they stand at one moment."""

    @property
    def revision(self) -> int:
        """Goes up when they change."""
        ...

    @property
    def ids(self) -> Sequence[str]:
        """Every row's id, in the order in which they were added."""
        ...

    @property
    def needy(self) -> frozenset[str]:
        """The ids of rows that somebody should look at."""
        ...

    def entries(self) -> Sequence[Entry]:
        """Return what each row is found and sorted by."""
        ...

    def rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """Return what the page is told of these rows; ids that are not there are left out."""
        ...


class Listing:
    """A source in the orders that were asked for lately."""

    KEPT = 4
    """Orders remembered: each page of one asks for the same."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._orders: dict[Wish, Sequence[str]] = {}

    def ids(self, wish: Wish) -> Sequence[str]:
        """Return the ids of what fits, in order."""
        if wish.plain:
            return self.source.ids
        known = self._orders.get(wish)
        if known is None:
            known = listed(self._entries, wish)
            self._orders = dict([*self._orders.items(), (wish, known)][-self.KEPT :])
        return known

    @cached_property
    def there(self) -> frozenset[str]:
        """Every row's id."""
        return frozenset(self.source.ids)

    @property
    def attention(self) -> int:
        """How many rows need attention."""
        return len(self.source.needy)

    @cached_property
    def _entries(self) -> Sequence[Entry]:
        return self.source.entries()


def sendable(text: str) -> str:
    """Return a text that a message can carry.

    A lone surrogate cannot be written as UTF-8 and would take the whole message down with it.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


# -- images ----------------------------------------------------------------------------------------

_BADGES: Mapping[str, tuple[str, str]] = {
    "no-caption": ("no caption", "warn"),
    "trigger-missing": ("trigger word", "warn"),
    "same-image": ("twice", "warn"),
    "unused": ("in no pair", "warn"),
    "small": ("small", "hint"),
    "same-caption": ("same caption", "hint"),
}
"""What a finding is called on a tile, and in which tone; ``warn`` is what needs attention."""

_WARNED = {kind for kind, (_, tone) in _BADGES.items() if tone == "warn"}
_TOLD_OTHERWISE = {"refused"}
"""Findings that a tile shows by its state and reason."""


class DraftImages:
    """The images of a draft.

    Args:
        draft: the draft.
        findings: what there is to say about it.
        captions: whether the training learns from captions, so that a missing one is missed.
        colours: gives images' mean colours, as far as they are known.
    """

    def __init__(
        self,
        draft: Draft,
        findings: Iterable[Finding] = (),
        *,
        captions: bool = True,
        colours: Callable[[Sequence[str]], Mapping[str, str]] | None = None,
    ) -> None:
        self.draft, self.revision = draft, draft.revision
        self._findings, self._captions, self._colours = tuple(findings), captions, colours

    @cached_property
    def ids(self) -> Sequence[str]:
        return tuple(self.draft.image)

    @cached_property
    def needy(self) -> frozenset[str]:
        warned = {f.image_id for f in self._findings if f.image_id and f.kind in _WARNED}
        rows = self.draft.images
        return frozenset(
            warned | {row.image_id for row in rows if row.refusal or self._misses_caption(row)}
        )

    def entries(self) -> Sequence[Entry]:
        return [
            Entry(
                id=row.image_id,
                name=row.name,
                text=f"{row.caption}\n{row.automatic_caption}",
                captioned=bool(row.caption.strip()),
                size=(row.width or 0) * (row.height or 0),
                state=row.state,
                attention=row.image_id in self.needy,
            )
            for row in self.draft.images
        ]

    def rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        there = [self.draft.image[i] for i in ids if i in self.draft.image]
        colours = self._colours([row.image_id for row in there]) if self._colours else {}
        return [self._told(row, colours.get(row.image_id, "")) for row in there]

    def _told(self, row: ImageRow, colour: str) -> dict[str, Any]:
        return {
            "image_id": row.image_id,
            "name": sendable(row.name),
            "caption": sendable(row.caption),
            "automatic_caption": sendable(row.automatic_caption),
            "width": row.width,
            "height": row.height,
            "bytes": row.bytes,
            "state": row.state,
            "reason": sendable(row.refusal),
            "theirs": _other_text(row),
            "gone": row.gone,
            "badges": self._badges(row),
            # Changes with the image, so that a browser knows an old thumbnail for one.
            "version": (row.content_hash or row.asset_id or "")[:16],
            "colour": colour,
        }

    def _badges(self, row: ImageRow) -> list[dict[str, str]]:
        uses = self._uses.get(row.image_id)
        badges = [*self._said(row), *([_use_badge(*uses)] if uses else [])]
        return sorted(badges, key=lambda badge: badge["tone"] != "warn")

    def _said(self, row: ImageRow) -> list[dict[str, str]]:
        said = {f.kind: f.message for f in self._found.get(row.image_id, ())}
        if self._misses_caption(row):
            # The service would use its own words, which the set's author has not seen.
            said.setdefault("no-caption", "It has no caption yet; the automatic one would be used.")
        return [_badge(kind, why) for kind, why in said.items()]

    def _misses_caption(self, row: ImageRow) -> bool:
        return self._captions and not row.caption.strip()

    @cached_property
    def _found(self) -> Mapping[str, list[Finding]]:
        """What was found of each image, but what its tile shows otherwise."""
        found: defaultdict[str, list[Finding]] = defaultdict(list)
        for finding in self._findings:
            if finding.image_id is not None and finding.kind not in _TOLD_OTHERWISE:
                found[finding.image_id].append(finding)
        return found

    @cached_property
    def _uses(self) -> Mapping[str, tuple[list[int], list[int]]]:
        """The numbers of the pairs that each image is the source, and the target, of."""
        uses: defaultdict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for number, pair in enumerate(self.draft.pairs, 1):
            uses[pair.source][0].append(number)
            uses[pair.target][1].append(number)
        return uses


def _other_text(row: ImageRow | PairRow) -> str | None:
    """Return the text that may be taken instead of the row's: somebody else's, or a frame's."""
    text = row.offered if row.theirs is None else row.theirs
    return None if text is None else sendable(text)


def _badge(kind: str, why: str) -> dict[str, str]:
    text, tone = _BADGES.get(kind, (kind.replace("-", " "), "hint"))
    return {"text": text, "tone": tone, "why": sendable(why)}


def _use_badge(sources: Sequence[int], targets: Sequence[int]) -> dict[str, str]:
    sides = [("source", sources), ("target", targets)]
    why = "; ".join(f"{side} of {_pairs(numbers)}" for side, numbers in sides if numbers)
    count = len(sources) + len(targets)
    return {"text": why if count == 1 else f"{count:,} pairs", "tone": "hint", "why": why}


def _pairs(numbers: Sequence[int]) -> str:
    listing = ", ".join(f"{n:,}" for n in numbers[:10]) + (", …" if len(numbers) > 10 else "")
    return f"pair{'' if len(numbers) == 1 else 's'} {listing}"


# -- pairs -----------------------------------------------------------------------------------------


_NEEDS: Mapping[str, tuple[str, str]] = {
    "no-source": ("without source", "no source yet"),
    "no-target": ("without target", "no target yet"),
    "removed-image": ("with a removed image", ""),
    "one-image": ("of an image with itself", ""),
    "changed-there": ("changed by someone else", ""),
    "refused-pair": ("refused", ""),
    "refused-image": ("with a refused image", "image refused"),
    "no-instruction": ("without instruction", "no instruction"),
    "same-pair": ("there twice", "there twice"),
    "sizes": ("of different sizes", "sizes differ"),
}
"""What pairs lack, the gravest first: how many are told so, and what a row says where it has no
reason of its own."""
_BEGUN = {"no-source", "no-target"}
"""Needs of pairs that are still being put together: no fault so far."""
PLACES_MAX = 200
"""Most rows of one need that one can jump to."""


class DraftPairs:
    """The pairs of a draft."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.revision = draft, draft.revision

    @cached_property
    def ids(self) -> Sequence[str]:
        return tuple(self.draft.pair)

    @cached_property
    def needy(self) -> frozenset[str]:
        return frozenset(self._needs)

    def entries(self) -> Sequence[Entry]:
        return [
            Entry(
                id=row.pair_id,
                name=" ".join(self._name(image_id) for image_id in (row.source, row.target)),
                text=row.instruction,
                captioned=bool(row.instruction.strip()),
                state=self.draft.pair_state(row),
                attention=row.pair_id in self._needs,
            )
            for row in self.draft.pairs
        ]

    @cached_property
    def needs(self) -> list[dict[str, Any]]:
        """What pairs lack: how many, and where they stand in the table, from 0."""
        places: defaultdict[str, list[int]] = defaultdict(list)
        problems: set[str] = set()
        for needs in self._needs.values():
            for need in needs:
                places[need.kind].append(need.number - 1)
                if need.severity == "problem":
                    problems.add(need.kind)
        return [
            {
                "kind": kind,
                "text": f"{len(places[kind]):,} {words}",
                "tone": "bad" if kind in problems else "warn",
                "places": places[kind][:PLACES_MAX],
            }
            for kind, (words, _) in _NEEDS.items()
            if kind in places
        ]

    @cached_property
    def _needs(self) -> Mapping[str, list[PairNeed]]:
        needs: defaultdict[str, list[PairNeed]] = defaultdict(list)
        for need in pair_needs(self.draft):
            needs[need.pair_id].append(need)
        return needs

    def rows(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        return [self._told(self.draft.pair[i]) for i in ids if i in self.draft.pair]

    def _told(self, row: PairRow) -> dict[str, Any]:
        return {
            "pair_id": row.pair_id,
            "source": row.source,
            "target": row.target,
            "source_name": sendable(self._name(row.source)),
            "target_name": sendable(self._name(row.target)),
            "instruction": sendable(row.instruction),
            "state": self.draft.pair_state(row),
            "reason": sendable(row.refusal),
            "theirs": _other_text(row),
            "need": self._need(row),
        }

    def _need(self, row: PairRow) -> dict[str, str] | None:
        """Return the gravest thing that a pair lacks, as its row says it."""
        needs = self._needs.get(row.pair_id)
        if not needs:
            return None
        need = needs[0]
        tone = "warn" if need.kind in _BEGUN or need.severity == "advice" else "bad"
        return {"text": _NEEDS[need.kind][1] or need.says, "tone": tone, "why": need.says}

    def _name(self, image_id: str) -> str:
        image = self.draft.image.get(image_id)
        return image.name if image else ""
