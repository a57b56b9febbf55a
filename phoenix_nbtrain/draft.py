"""The draft of one training: what its images, pairs and configuration shall be.

Rows carry ids of our own, stable for ever. An ``asset_id`` is the service's name for an image
and may be missing; pairs, selections and frames never speak of it. A draft is frozen: every edit
makes a new one, and rows that did not change are the same objects in both.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

COLUMNS = {"images": ("name", "caption"), "pairs": ("source", "target", "instruction")}
"""By table, the columns that people set."""

RowState = Literal["kept", "sending", "saved", "refused"]
"""``kept`` on this computer, on its way, ``saved`` on the service, or ``refused`` by it."""

PairTriple: TypeAlias = tuple[str, str, str]
"""Source image id, target image id, instruction."""

PairKey: TypeAlias = tuple[str, str]
"""The first of `ImageRow.keys` of a pair's source and of its target."""


def new_image_id() -> str:
    """Return a fresh ``img_…`` id."""
    return "img_" + secrets.token_hex(8)


def new_pair_id() -> str:
    """Return a fresh ``pair_…`` id."""
    return "pair_" + secrets.token_hex(8)


def cell(table: str, row: str, column: str) -> str:
    """Return the key of one cell in `Draft.touched`."""
    return f"{table}/{row}/{column}"


def url_key(url: str) -> str:
    """Return what is remembered of a URL, which may be signed and so is not itself remembered."""
    return "url:" + hashlib.sha256(url.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRow:
    """One image of the draft."""

    image_id: str
    name: str
    """The file's name without its folder, as people know it."""
    caption: str = ""
    automatic_caption: str = ""
    """What the service would use where ``caption`` is empty; never typed by a person."""
    width: int | None = None
    """Pixels, after the orientation the file asks for."""
    height: int | None = None
    bytes: int | None = None
    """Size of the file as it is sent, without its metadata."""
    content_hash: str | None = None
    """SHA-256 of the file as it is sent, hexadecimal; ``None`` where only the service has it."""
    url: str | None = field(default=None, repr=False)
    """Where the service shall import it from, until it has. May be signed, so it is shown nowhere
    and leaves the draft as soon as the asset is there."""
    url_key: str | None = None
    """`url_key` of the URL it was given by."""
    asset_id: str | None = None
    attached: bool = False
    """Whether the service lists the asset among the model's training images."""
    replaces: str | None = None
    """The asset that it shall take the place of, which stays in the set until this one has its
    own."""
    served_caption: str | None = None
    """The caption the service is known to hold; ``None`` before it was ever read."""
    sending_caption: str | None = None
    """The caption that was sent last, until it is known to have arrived: where the reply was lost
    and the service turns out to hold it, nobody else wrote it."""
    sending: bool = False
    refusal: str = ""
    """Why the service refused the image or its caption; cleared by the next edit."""
    theirs: str | None = None
    """The caption that somebody else wrote there, where both sides changed it: it waits for a
    person to keep one of the two."""
    offered: str | None = None
    """The caption of a frame that was read before the present one was written: two texts of our
    own, of which a person may still take the other. It stops nothing."""
    gone: bool = False
    """Whether somebody else removed it on the service, which waits for a person likewise."""
    ceiling: int | None = None
    """The plan's limit that kept the image out: it is sent again once the set has room."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What tells this image from others: its content, its URL, its asset, as far as known.

        Two rows that share one are the same image.
        """
        return tuple(k for k in (self.content_hash, self.url_key, self.asset_id) if k)

    @property
    def upload_key(self) -> str | None:
        """What its upload is remembered by; ``None`` for an asset that somebody else uploaded."""
        return self.content_hash or self.url_key

    @property
    def waits(self) -> bool:
        """Whether somebody else changed or removed it, and a person has yet to choose."""
        return self.theirs is not None or self.gone

    def mended(self, **changes: Any) -> ImageRow:
        """Return the row with ``changes``, and nothing that keeps it from the service."""
        return replace(self, refusal="", theirs=None, gone=False, ceiling=None, **changes)

    @property
    def state(self) -> RowState:
        """Where this row's content is."""
        if self.refusal:
            return "refused"
        if self.sending:
            return "sending"
        return "saved" if self.attached and self.served_caption == self.caption else "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """One pair of the draft. Source and target are image ids."""

    pair_id: str
    source: str
    target: str
    instruction: str = ""
    sending: bool = False
    refusal: str = ""
    """Why the pair cannot be, or was not, taken by the service; cleared by the next edit."""
    theirs: str | None = None
    """The instruction that somebody else wrote for the same two images, where both sides did:
    theirs is a pair of its own until a person keeps one of the two."""
    offered: str | None = None
    """The instruction of a frame that was read before the present one was written, as for images.
    """

    @property
    def triple(self) -> PairTriple:
        """What the service would hold of it."""
        return (self.source, self.target, self.instruction)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """The whole draft at one revision."""

    revision: int = 0
    """Counts accepted changes; never goes back."""
    images: tuple[ImageRow, ...] = ()
    pairs: tuple[PairRow, ...] = ()
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """The parameters somebody set, by their names in the catalog; the rest are defaults."""
    config_theirs: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What somebody else set on the service where both sides changed one parameter, ``None`` for
    its default: it waits for a person to keep one of the two, and ours is not sent until then."""
    touched: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """The revision at which each cell last changed, keyed by `cell`."""
    removed: frozenset[str] = frozenset()
    """Asset ids that the service still has attached and the draft no longer wants."""
    left_out: tuple[ImageRow, ...] = ()
    """Images that a person removed, so that a cell that adds them again leaves them out. Rows of
    an id, a name, keys and a size, nothing else."""
    left_out_pairs: frozenset[PairKey] = frozenset()
    """Pairs that a person removed, likewise."""
    served_pairs: tuple[PairTriple, ...] | None = None
    """The pairs the service is known to hold; ``None`` before they were ever read."""
    served_config: Mapping[str, Any] | None = None
    """The parameters the service is known to hold; ``None`` before they were ever read."""
    sending_pairs: tuple[PairTriple, ...] | None = None
    """The pairs that were sent last, until they are known to have arrived."""
    sending_config: Mapping[str, Any] | None = None
    """The parameters that were sent last, until they are known to have arrived."""

    @cached_property
    def image(self) -> Mapping[str, ImageRow]:
        """Image rows by id."""
        return MappingProxyType({row.image_id: row for row in self.images})

    @cached_property
    def pair(self) -> Mapping[str, PairRow]:
        """Pair rows by id."""
        return MappingProxyType({row.pair_id: row for row in self.pairs})

    def pair_state(self, row: PairRow) -> RowState:
        """Return where a pair's content is."""
        if row.refusal:
            return "refused"
        if row.sending:
            return "sending"
        return "saved" if row.triple in self._served_pairs else "kept"

    @cached_property
    def _served_pairs(self) -> frozenset[PairTriple]:
        return frozenset(self.served_pairs or ())

    @cached_property
    def unsent(self) -> int:
        """How many things the service does not hold yet: rows, removals, the configuration."""
        images = sum(row.state != "saved" for row in self.images)
        wanted = tuple(row.triple for row in self.pairs)
        pairs = 0
        if wanted != (self.served_pairs or ()):
            pairs = max(1, sum(self.pair_state(row) != "saved" for row in self.pairs))
        config = dict(self.config) != dict(self.served_config or {})
        return images + pairs + len(self.removed) + config

    @property
    def sendable_config(self) -> dict[str, Any]:
        """The parameters to send: theirs, where a person has yet to choose."""
        config = {**self.config, **self.config_theirs}
        return {name: value for name, value in config.items() if value is not None}

    def with_images(self, rows: Mapping[str, ImageRow]) -> Draft:
        """Return the draft with those rows in the places of the ones they replace."""
        return replace(self, images=tuple(rows.get(r.image_id, r) for r in self.images))

    def with_pairs(self, rows: Mapping[str, PairRow]) -> Draft:
        """Return the draft with those rows in the places of the ones they replace."""
        return replace(self, pairs=tuple(rows.get(r.pair_id, r) for r in self.pairs))
