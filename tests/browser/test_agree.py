"""Whatever happens, every view ends up showing what the kernel holds, and nothing typed is lost.

Two grids and a table show one training. Hands work on all three, cells assign frames, the service
refuses and other people write to it, while messages between views and kernel are lost, doubled,
late and out of order. After a calm the three screens are read from top to bottom and compared with
the training's frames.

``NBTRAIN_OPERATIONS`` says how many operations there are in all (5,000), ``NBTRAIN_AGREE_SEED``
from which seed on.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from browser.harness import browser
from browser.several import Several, several
from fake_service import FakeService
from PIL import Image
from playwright.sync_api import Browser
from trainings import Undecoded

from phoenix_nbtrain.draft import Draft, ImageRow
from phoenix_nbtrain.errors import PhoenixError, ServiceError, ServiceUnreachable
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session import state_store as live
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.pairs import PairTable
from phoenix_nbtrain.widgets.row_sources import DraftImages, DraftPairs

__all__ = ["browser"]

SEEDS = 5
OPERATIONS = int(os.environ.get("NBTRAIN_OPERATIONS", "5000")) // SEEDS
FIRST_SEED = int(os.environ.get("NBTRAIN_AGREE_SEED", "0"))
CALM_EVERY = 500
A_TURN = 6
"""Most operations of one turn."""

IMAGES, PAIRS = 9, 104
"""More pairs than fit a page of rows; few images, so that many hands meet in one cell."""
IMAGES_LEAST = 4
GRIDS = ("one grid", "other grid")
TABLE = "table"
TOKEN = re.compile(r"^t\d+\.")


class Story:
    """One training, three views, and what is known of every text that was typed."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, seed: int) -> None:
        self.rng = Random(seed)
        self.folder = folder
        self.service = FakeService(is_local=True)
        self.runner = InlineRunner()
        # Five updates a second, by the time that passes here.
        clock = SimpleNamespace(monotonic=lambda: self.runner.now)
        patch.setattr(live, "time", clock)
        self.training = Training.open(
            "icons", type="flux.2-dev-edit-lora", client=self.service, runner=self.runner
        )
        self.training._session.thumbnails._kept = Undecoded(folder / "thumbnails")
        self._texts = 0
        self.committed: dict[str, list[str] | None] = {}
        """What stood on the screen, by text, where its typing began."""
        self.stood: set[str] = set()
        self.offered: set[str] = set()
        self.dropped: set[str] = set()
        self._read: Draft | None = None
        self._frames: list[Any] = []
        self._asked: dict[tuple[str, str], str] = {}
        self._done = 0
        self._hearing = False
        self._count()

    # -- how it begins, and what is watched -----------------------------------------------------

    def begin(self, views: Several) -> None:
        self.views = views
        views.heard, views.meanwhile = self._heard, lambda: self.runner.advance(2)

    def start(self) -> None:
        """Give the training its images and pairs, and the service its copy."""
        self.training.add_images(self._files(range(IMAGES)))
        ids = list(self.training.images.index)
        every = [(s, t) for s in ids for t in ids if s != t]
        chosen = (every + every)[:PAIRS]
        rows = [{"source": s, "target": t, "instruction": "colour it"} for s, t in chosen]
        self.training.set_pairs(rows)
        self.training.set_captions(lambda row: f"caption of {row.name}")
        self.training.sync()

    def _files(self, numbers: Any) -> list[Path]:
        paths = []
        for n in numbers:
            path = self.folder / f"image {n:02}.png"
            if not path.exists():
                Image.new("RGB", (16, 16), (n * 5 % 256, 9, n // 50)).save(path, "PNG")
            paths.append(path)
        return paths

    def _count(self) -> None:
        editing = self.training._session.editing
        for name in ("edit", "undo", "redo"):
            command = getattr(editing, name)

            def counted(*given: Any, command: Callable[..., Any] = command) -> Any:
                self._done += self._hearing  # cells call them, too
                return command(*given)

            setattr(editing, name, counted)

    def _heard(self, view: str, message: dict[str, Any], handle: Callable[[], None]) -> None:
        """Let the kernel hear a message, and judge what came of it."""
        before = self.training.state.draft
        self._hearing = True
        handle()
        self._hearing = False
        if message["kind"] in ("edit", "undo", "redo"):
            self._asked[view, message["id"]] = message["kind"]
            assert self._done == len(self._asked), f"{message} was done twice, or not at all"
        if message["kind"] == "edit":
            self._judge(message["ops"], before, self.training.state.draft)
        self.note()

    def _judge(self, ops: list[dict[str, Any]], before: Draft, after: Draft) -> None:
        """Nobody's text gives way to hands that have not seen it."""
        for op in ops:
            old, new = _text_of(before, op), _text_of(after, op)
            stood = TOKEN.match(old or "")
            if new is None or old == new or stood is None:
                continue
            assert op["op"] == "set", f"{stood[0]} was changed to {new[:80]!r} by {op}"
            seen = self._seen(str(op["value"]))
            assert stood[0] in seen, f"{stood[0]} gave way to {new[:80]!r}, whose hands saw {seen}"

    def _seen(self, text: str) -> list[str]:
        self.learn()
        token = TOKEN.match(text)
        assert token is not None and token[0] in self.committed, f"nobody typed {text[:80]!r}"
        seen = list(self.committed[token[0]] or [])
        for own in seen:  # a text of theirs that was refused, painted over what they had seen
            if own not in self.stood:
                seen += [t for t in self.committed.get(own) or [] if t not in seen]
        return seen

    def learn(self) -> None:
        """Take up what the page tells of the texts."""
        for one in self.views.log:
            token = one["token"]
            if one["what"] == "committed":
                self.committed[token] = one["seen"]
                self.dropped.discard(token)
            elif one["what"] == "dropped":
                self.dropped.add(token)
            else:
                self.offered.add(token)
        self.views.log.clear()

    def note(self) -> None:
        """Remember every text that has stood in the draft."""
        draft = self.training.state.draft
        if draft is self._read:
            return
        self._read = draft
        texts = [row.caption for row in draft.images] + [row.instruction for row in draft.pairs]
        self.stood |= {token[0] for text in texts if (token := TOKEN.match(text))}

    # -- what happens ---------------------------------------------------------------------------

    def text(self) -> str:
        self._texts += 1
        more = self.rng.choice(
            ["", "", " a fox", " zwei\nZeilen", " <b>bold</b>", " e\u0301 \u202e"]
        )
        long = "x" * 70_000 if self.rng.random() < 0.003 else ""
        return f"t{self._texts}.{more}{long}"

    def name(self) -> str:
        images = self.training.state.draft.images
        return self.rng.choice([*(row.name for row in images), "nothing"]) if images else "nothing"

    def gesture(self) -> dict[str, Any]:
        """Return something that a hand does to a view."""
        rng = self.rng
        grid = rng.random() < 0.6
        weights = (
            {"write": 10, "pick": 3, "key": 2, "again": 3, "search": 1, "filter": 1, "scroll": 1}
            | {"resize": 1, "remove": 1}
            if grid
            else {"write": 10, "choose": 3, "add": 2, "swap": 3, "drop": 2, "again": 3, "scroll": 2}
            | {"key": 1, "resize": 1}
        )
        hand = rng.choices(list(weights), list(weights.values()))[0]
        how = {
            "write": [
                "enter",
                "enter",
                "enter",
                "elsewhere",
                "leave",
                "leave",
                "open",
                "look",
                "escape",
            ],
            "choose": ["enter", "enter", "leave", "escape"],
            "again": ["undo", "undo", "redo"],
            "key": ["ArrowDown", "PageDown", "Home", " ", "Escape"],
        }.get(hand, [""])
        if hand == "key" and len(self.training.state.draft.images) > IMAGES_LEAST + 2:
            how = [*how, "Delete"]
        if hand == "remove" and len(self.training.state.draft.images) <= IMAGES_LEAST + 2:
            hand = "scroll"
        return {
            "hand": hand,
            "view": rng.choice(GRIDS) if grid else TABLE,
            "at": rng.random(),
            "text": rng.choice(["", "", "t1", "image"]) if hand == "search" else self.text(),
            "names": [self.name(), self.name()],
            "how": rng.choice(how),
            "keys": rng.choice([{}, {"ctrlKey": True}, {"shiftKey": True}]),
        }

    def cell(self) -> None:
        """Do something that a cell of the notebook, the service or another person does."""
        rng, training = self.rng, self.training
        draft = training.state.draft
        often = {"frame": 3, "old frame": 1, "pairs": 2, "captions": 3, "remove": 1, "add": 2}
        often |= {
            "undo": 2,
            "redo": 1,
            "select": 3,
            "sync": 3,
            "stranger": 2,
            "faults": 2,
            "time": 4,
        }
        doing = rng.choices(list(often), list(often.values()))[0]
        if doing == "frame":
            frame = training.images
            for image_id in rng.sample(list(frame.index), k=min(2, len(frame))):
                frame.loc[image_id, "caption"] = f"from a cell {rng.randint(0, 999)}"
            training.images = frame.sample(frac=1, random_state=rng.randint(0, 99))
            self._frames = [*self._frames[-3:], training.images]
        elif doing == "old frame" and self._frames:
            frame = rng.choice(self._frames)
            training.images = frame.loc[[i for i in frame.index if i in draft.image]]
        elif doing == "pairs" and draft.pairs:
            frame = training.pairs
            frame.loc[rng.choice(list(frame.index)), "instruction"] = f"told {rng.randint(0, 999)}"
            training.pairs = (
                frame.drop(rng.choice(list(frame.index))) if rng.random() < 0.2 else frame
            )
        elif doing == "captions" and draft.images:
            row = rng.choice(draft.images)
            training.set_captions({row.image_id: rng.choice(["", f"set {rng.randint(0, 999)}"])})
        elif doing == "remove" and len(draft.images) > IMAGES_LEAST:
            training.remove(rng.choice(draft.images).image_id)
        elif doing == "add":
            training.add_images(self._files([rng.randrange(IMAGES + 4)]))
        elif doing in ("undo", "redo"):
            # It warns where somebody has changed the cell since.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                getattr(training, doing)()
        elif doing == "select":
            ids = [row.image_id for row in draft.images]
            self.views.widgets[rng.choice(GRIDS)].selected = rng.sample(ids, k=min(2, len(ids)))
        elif doing == "sync":
            with suppress(PhoenixError):
                training.sync()
        elif doing == "stranger" and self.service.assets:
            asset_id = rng.choice(sorted(self.service.assets))
            asset = self.service.assets[asset_id]
            text = f"somebody else's {rng.randint(0, 99)}"
            self.service.assets[asset_id] = replace(asset, description=text)
        elif doing == "faults":
            self.faults()
        elif doing == "time":
            self.runner.advance(rng.choice([0.3, 1, 5]))
        self.note()

    def faults(self) -> None:
        """Let the service refuse some things from now on, and lose other replies."""
        writes = ["update_asset", "replace_pairs", "delete_training_image", "add_training_images"]
        self.service.before = {name: _refused for name in writes if self.rng.random() < 0.15} | (
            {"get_model": _unreachable} if self.rng.random() < 0.1 else {}
        )
        self.service.after = {name: _unreachable for name in writes if self.rng.random() < 0.15}

    def go_on(self, operations: int) -> None:
        """Let that many things happen."""
        self.views.faulty = True
        while operations > 0:
            for _ in range(self.rng.randint(0, 2)):
                self.cell()
                operations -= 1
            gestures = [self.gesture() for _ in range(self.rng.randint(1, A_TURN))]
            operations -= len(gestures)
            self.views.turn(gestures, ms=self.rng.choice([5, 20, 20, 100, 1000, 5000]))
            self.learn()
        self.service.before, self.service.after = {}, {}

    # -- how it ends ----------------------------------------------------------------------------

    def agree(self) -> None:
        """Compare every screen with the frames, and account for every text."""
        self.views.faulty = False
        self.views.settle()
        self.training.sync()
        self.views.settle()
        self.views.rest()
        self.learn()
        self.note()
        images, pairs = self.training.images, self.training.pairs
        draft = self.training.state.draft
        told = DraftImages(
            draft, self.training._session.findings(), captions=False, colours=lambda _: {}
        )
        badges = {row["image_id"]: row["badges"] for row in told.rows(list(images.index))}
        needs = {row["pair_id"]: row["need"] for row in DraftPairs(draft).rows(list(pairs.index))}
        name = images["name"].to_dict()
        for grid in GRIDS:
            selected = self.views.widgets[grid].selected
            expected = [
                {
                    "name": plain(row["name"]),
                    "text": row["caption"],
                    "ghost": "" if row["caption"] else row["automatic_caption"] or "no caption",
                    "state": row["state"],
                    "reason": _said(draft.image[image_id]),
                    "badges": [badge["text"] for badge in badges[image_id]],
                    "selected": image_id in selected,
                    "invalid": bool(row["reason"]),
                }
                for image_id, row in images.iterrows()
            ]
            _same(grid, self.views.screen(grid), expected)
        expected = [
            {
                "source": _side(name, row, "source"),
                "target": _side(name, row, "target"),
                "text": row["instruction"],
                **_lack(needs[pair_id], row),
                "invalid": not {row["source"], row["target"]} <= name.keys(),
            }
            for pair_id, row in pairs.iterrows()
        ]
        shown = self.views.screen(TABLE)
        for line in shown:
            line["reason"] = line["reason"].partition(": ")[2]
        _same(TABLE, shown, expected)
        self._around(len(images), len(pairs))
        self._texts_are_kept()

    def _around(self, images: int, pairs: int) -> None:
        for view in (*GRIDS, TABLE):
            said = self.views.around(view)
            state = self.training.state
            assert (said["undo"], said["redo"]) == (state.can_undo, state.can_redo), view
            assert said["sync"] == self.views.widgets[view].summary["sync"]["message"], view
            count = pairs if view == TABLE else images
            assert re.match(r"\d+", said["count"] or "0")[0] == str(count), view  # type: ignore[index]  # it begins so
            chosen = len(self.views.widgets[view].selected) if view in GRIDS else 0
            assert (re.match(r"\d*", said["chosen"])[0] or "0") == str(chosen), view  # type: ignore[index]  # any text fits

    def _texts_are_kept(self) -> None:
        lost = self.committed.keys() - self.stood - self.offered - self.dropped
        assert not lost, f"typed, and nowhere: {lost}"
        wrong = self.offered & self.stood
        assert not wrong, f"told to be refused, and it stood: {wrong}"


def _same(view: str, shown: list[Any], expected: list[Any]) -> None:
    wrong = [
        f"{view} {at}: shows {row}, holds {wanted}"
        for at, (row, wanted) in enumerate(zip_longest(shown, expected))
        if row != wanted
    ]
    assert not wrong, "\n".join(wrong[:5])


def _text_of(draft: Draft, op: dict[str, Any]) -> str | None:
    """Return the text of the row that an operation is about."""
    if op["table"] == "images":
        image = draft.image.get(op["row"])
        return image.caption if image else None
    pair = draft.pair.get(op["row"])
    return pair.instruction if pair else None


def _said(row: ImageRow) -> str:
    """Return what a tile says below its caption: what somebody else did, before any refusal."""
    if row.gone:
        return "They removed it."
    return row.refusal if row.theirs is None else f"Theirs: {row.theirs or '(no caption)'}"


def _lack(need: dict[str, str] | None, row: Any) -> dict[str, str]:
    """Return what the row of a pair says of its state: what it lacks, before where it is."""
    if need is None:
        return {"state": row["state"], "reason": row["reason"]}
    return {"state": "missing" if need["tone"] == "warn" else "refused", "reason": need["why"]}


def _side(names: dict[str, str], row: Any, side: str) -> str:
    return plain(names.get(row[side], "(removed)")) if row[side] else f"choose a {side}"


def plain(name: str) -> str:
    return re.sub("[\u202a-\u202e]", lambda c: f"\\u{ord(c[0]):04x}", name)


def _refused() -> None:
    raise ServiceError("Phoenix does not take that.", status=400)


def _unreachable() -> None:
    raise ServiceUnreachable("Reset.", sent=True)


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + SEEDS))
def test_views_and_kernel_agree_in_the_end(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    story = Story(monkeypatch, tmp_path, seed)
    story.start()
    widgets = {name: ImageGrid(story.training) for name in GRIDS}
    try:
        with several(browser, {**widgets, TABLE: PairTable(story.training)}, story.rng) as views:
            story.begin(views)
            for done in range(0, OPERATIONS, CALM_EVERY):
                story.go_on(min(CALM_EVERY, OPERATIONS - done))
                story.agree()
            if OPERATIONS >= CALM_EVERY:  # else there may be too few of each kind
                assert len(story.committed) > OPERATIONS / 20
                assert story.offered and story.stood
    finally:
        _here.clear()
