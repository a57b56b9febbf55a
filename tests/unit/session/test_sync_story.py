"""Whatever happens on the way, draft and service come to agree, and nothing is sent twice.

Random edits, refusals, lost replies, interruptions and restarts, and then a calm in which one sync
must settle everything. The one image that may arrive twice is a small one whose reply was lost:
it goes in a single request, only the reply names its asset, and assets cannot be searched by
content, so that a first one cannot be told from none.
"""

from __future__ import annotations

import io
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from fake_service import FakeService, interrupted, lost
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image

from phoenix_nbtrain.errors import PhoenixError, ServiceError
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session.session import _here
from phoenix_nbtrain.training import Training

STEPS = [
    "get_model",
    "get_assets",
    "upload_image",
    "begin_upload",
    "send_part",
    "complete_upload",
    "import_image",
    "add_training_images",
    "delete_training_image",
    "update_asset",
    "replace_pairs",
]
WRITES = [step for step in STEPS if not step.startswith("get_")]
TEXTS = st.sampled_from(["", "a", "b", "a longer caption"])
SEEDS = st.integers(0, 5)
_numbers = itertools.count()


def refused() -> None:
    raise ServiceError("No.", status=400)


def drawn(seed: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), (seed * 40, 9, 9)).save(out, "PNG")
    return out.getvalue()


def url(seed: int) -> str:
    return f"https://pictures.example/{seed}.png"


class Story(RuleBasedStateMachine):
    """Seeds 0 to 2 are files, 3 to 5 are on the web; the odd files are large."""

    home: Path
    """Where the memory of this computer is; set by the test."""

    @initialize(ceiling=st.sampled_from([None, 3]), drops=st.booleans(), inline=st.booleans())
    def begin(self, ceiling: int | None, drops: bool, inline: bool) -> None:
        self.folder = self.home / f"story {next(_numbers)}"
        self.service = FakeService(is_local=True)
        self.service.images_max = ceiling
        self.service.drops_pairs = drops
        self.service.inline_max = 4_000_000 if inline else 0
        self.typed: dict[int, str] = {}
        self.lost_inline = 0
        self.training: Training
        self.files: dict[int, Path] = {}
        self.folder.mkdir()
        for seed in range(6):
            self.service.web[url(seed)] = drawn(seed)
            (self.folder / f"{seed}.png").write_bytes(drawn(seed))
        self.restart()

    def teardown(self) -> None:
        try:
            self.draft_and_service_agree_in_the_end()
        finally:
            _here.clear()

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Let this story's memory be the computer's."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PHOENIX_NBTRAIN_HOME", str(self.folder / "home"))
            yield

    def named(self, seed: int) -> str | None:
        names = [row.name for row in self.training.state.draft.images]
        return f"{seed}.png" if f"{seed}.png" in names else None

    # -- what people do -------------------------------------------------------------------------

    @rule(seed=SEEDS)
    def add(self, seed: int) -> None:
        if self.named(seed) is None:
            self.typed.pop(seed, None)
        source: Any = self.folder / f"{seed}.png" if seed < 3 else url(seed)
        with suppress(KeyboardInterrupt):  # it may look whether the service holds it already
            self.training.add_images([source])

    @rule(seed=SEEDS)
    def remove(self, seed: int) -> None:
        if (name := self.named(seed)) is not None:
            self.training.remove(name)
            self.typed.pop(seed, None)

    @rule(seed=SEEDS, text=TEXTS)
    def caption(self, seed: int, text: str) -> None:
        if (name := self.named(seed)) is not None:
            self.training.set_captions({name: text})
            self.typed[seed] = text

    @rule(one=SEEDS, other=SEEDS, text=TEXTS)
    def pair(self, one: int, other: int, text: str) -> None:
        source, paired = self.named(one), self.named(other)
        if one != other and source and paired:
            row = {"source": source, "target": paired, "instruction": text}
            self.training.set_pairs([row])

    @rule()
    def sync(self) -> None:
        with suppress(PhoenixError, KeyboardInterrupt):
            self.training.sync()

    @rule()
    def restart(self) -> None:
        _here.clear()
        with self.remembering():
            while True:
                with suppress(PhoenixError, KeyboardInterrupt):
                    self.training = Training.open(
                        "story",
                        type="flux.2-dev-edit-lora",
                        client=self.service,
                        runner=InlineRunner(),
                    )
                    return
                self.calm()

    # -- what happens to them -------------------------------------------------------------------

    @rule(step=st.sampled_from(STEPS), fault=st.sampled_from([lost, interrupted]))
    def fails_before(self, step: str, fault: Any) -> None:
        self.service.before[step] = self.once(self.service.before, step, fault)

    @rule(step=st.sampled_from(WRITES))
    def is_refused(self, step: str) -> None:
        self.service.before[step] = self.once(self.service.before, step, refused)

    @rule(step=st.sampled_from(WRITES), fault=st.sampled_from([lost, interrupted]))
    def reply_is_lost(self, step: str, fault: Any) -> None:
        self.service.after[step] = self.once(self.service.after, step, fault)

    def once(self, faults: dict[str, Any], step: str, fault: Any) -> Any:
        def fail() -> None:
            del faults[step]
            if faults is self.service.after and step == "upload_image":
                self.lost_inline += 1
            fault()

        return fail

    def calm(self) -> None:
        self.service.before.clear()
        self.service.after.clear()

    @precondition(lambda self: self.training.state.draft.images)
    @rule(data=st.data())
    def an_asset_is_deleted_there(self, data: st.DataObject) -> None:
        """Only one that is not in the set: what is in it, somebody removed on purpose."""
        model = self.service.models[self.training.model_id]
        there = {image.id for image in model.training_images}
        loose = sorted(self.service.assets.keys() - there)
        if loose:
            asset_id = data.draw(st.sampled_from(loose))
            content = self.service.contents[asset_id]
            self.service.lose(asset_id)
            self.service.sent[content] -= 1

    # -- in the end -----------------------------------------------------------------------------

    @rule()
    def draft_and_service_agree_in_the_end(self) -> None:
        self.calm()
        training, service = self.training, self.service
        training.sync()
        # Whoever reads a refusal edits the row.
        refused = [r for r in training.state.draft.images if r.refusal and r.ceiling is None]
        for end in ("!", ""):
            training.set_captions({row.image_id: row.caption + end for row in refused})
        # One whose asset is gone and whose address is not kept is given again.
        training.add_images([url(int(row.name[0])) for row in refused if row.url_key])
        draft = training.state.draft
        if any(row.refusal for row in draft.pairs):
            whole = [p for p in draft.pairs if {p.source, p.target} <= draft.image.keys()]
            training.set_pairs([])
            training.set_pairs(
                [
                    {"source": p.source, "target": p.target, "instruction": p.instruction}
                    for p in whole
                ]
            )
        training.sync()
        draft, model = training.state.draft, service.get_model(training.model_id)
        kept_out = [row for row in draft.images if row.ceiling is not None]
        there = [row for row in draft.images if row.ceiling is None]
        assert [row.state for row in there] == ["saved"] * len(there)
        assert {row.asset_id for row in there} == {image.id for image in model.training_images}
        if kept_out:
            assert len(model.training_images) == service.images_max
        by_name = {row.name: row for row in draft.images}
        for seed, text in self.typed.items():
            row = by_name[f"{seed}.png"]
            assert row.caption == text
            if row in there:
                assert service.contents[row.asset_id or ""] == drawn(seed)
                assert service.assets[row.asset_id or ""].description == text
        asset_ids = {row.image_id: row.asset_id for row in there}
        assert [(p.source_id, p.target_id, p.instruction) for p in model.training_image_pairs] == [
            (asset_ids[p.source], asset_ids[p.target], p.instruction)
            for p in draft.pairs
            if p.source in asset_ids and p.target in asset_ids
        ]
        twice = sum(count - 1 for count in service.sent.values() if count > 1)
        assert twice <= self.lost_inline


def test_draft_and_service_agree_in_the_end(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "home"))
    story = type("Story", (Story,), {"home": tmp_path})
    run_state_machine_as_test(
        story,
        settings=settings(
            max_examples=int(os.environ.get("NBTRAIN_STORIES", "25")),
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
