"""Memory of the trainer: bounded whatever the training set, and without a trace in the weights."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from phoenix_nbtrain.catalog import full_config
from phoenix_nbtrain.engines.demo import patch_trainer
from phoenix_nbtrain.engines.demo.feature_cache import KEPT_BYTES, FeatureCache, TrainingSet
from phoenix_nbtrain.engines.demo.features import BLOCKS, TARGETS, Extractor
from phoenix_nbtrain.engines.demo.image_store import PX, ImageStore, greyed, on_canvas
from phoenix_nbtrain.engines.demo.patch_trainer import FEATURES, Trainer
from phoenix_nbtrain.local.workers import child_environment

MB = 1 << 20


def training_set(folder: Path, pairs: int) -> TrainingSet:
    images, random = ImageStore(folder), np.random.default_rng(0)
    for key in range(2 * pairs):
        images.add(key, random.integers(0, 256, (PX, PX, 3), dtype=np.uint8))
    return TrainingSet(images, [(n, pairs + n, f"pair {n}") for n in range(pairs)])


def kept_bytes(trainer: Trainer) -> int:
    return sum(array.nbytes for grid in trainer.cache._kept.values() for array in grid)


@pytest.mark.parametrize("room", [0, 3 * MB])
def test_what_is_kept_in_memory_changes_nothing_but_the_time(tmp_path, monkeypatch, room):
    def trained(room: int) -> Trainer:
        examples = training_set(tmp_path, 6)
        monkeypatch.setattr(
            patch_trainer, "FeatureCache", lambda *given: FeatureCache(*given, room=room)
        )
        config = full_config("flux.2-dev-edit-lora", {"epochs": 2, "repeats": 3, "rank": 8})
        trainer = Trainer(examples, config, seed=1)
        while not trainer.done:
            trainer.train_step()
        examples.images.close()
        return trainer

    little, much = trained(room), trained(KEPT_BYTES)
    assert kept_bytes(little) <= room < kept_bytes(much)
    assert little.adapter() == much.adapter()


def test_the_services_largest_training_set_is_kept_whole(tmp_path):
    examples = training_set(tmp_path, 1)
    look = FeatureCache(examples, Extractor(0, FEATURES)).at(0, 0)
    examples.images.close()
    assert look.seen.shape == (BLOCKS, FEATURES)
    assert look.change.shape == (BLOCKS, TARGETS)
    assert 50 * 2 * (look.seen.nbytes + look.change.nbytes) <= KEPT_BYTES


def test_images_come_back_from_disk_as_they_went(tmp_path):
    examples = training_set(tmp_path, 2)
    picture = np.random.default_rng(1).integers(0, 256, (50, PX, 3), dtype=np.uint8)
    examples.images.add("wide", picture)
    assert "wide" in examples.images
    assert np.array_equal(examples.images.ink("wide"), on_canvas(picture))
    of_style = TrainingSet(examples.images, [(None, "wide", "a style")])
    source, target = of_style.source_and_target(0)
    assert np.array_equal(source, greyed(target))
    assert list(tmp_path.iterdir()) == []  # the file has no name, so a killed process leaves none
    with pytest.raises(KeyError):
        examples.images.ink("another")
    examples.images.close()


MEASURED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from unit.engines.test_feature_cache import training_set
from phoenix_nbtrain.catalog import full_config
from phoenix_nbtrain.engines.demo.patch_trainer import Trainer

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))

pairs = int(sys.argv[3])
config = full_config("flux.2-dev-edit-lora", {"epochs": 1, "repeats": 2})
trainer = Trainer(training_set(Path(sys.argv[2]), pairs), config, seed=1)
before = peak()
while not trainer.done:
    trainer.train_step()
print(before, peak())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_a_thousand_pairs_cost_no_more_memory_than_a_hundred(tmp_path):
    def peak(pairs: int) -> tuple[int, int]:
        tests = str(Path(__file__).parents[2])
        command = [sys.executable, "-c", MEASURED, tests, str(tmp_path), str(pairs)]
        # It writes two numbers, in MB.
        done = subprocess.run(command, env=child_environment(), capture_output=True, check=True)
        before, after = done.stdout.split()
        return int(before), int(after)

    (_, hundred), (before, thousand) = peak(100), peak(1000)
    assert thousand - before <= KEPT_BYTES // MB + 32
    assert thousand - hundred <= 24
