"""Seconds that are counted hold however the wall clock is set."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from phoenix_nbtrain import clock
from phoenix_nbtrain.clock import Moment, moment

NOW = Moment(at=1000.0, boot="b", ticks=50.0)


@pytest.mark.parametrize("at", [0.0, 1000.0, 9e9])
def test_within_a_boot_the_wall_clock_does_not_count(at):
    earlier = replace(NOW, at=at, ticks=20.0)
    assert NOW.since(earlier) == 30
    assert not NOW.precedes(earlier)


def test_between_boots_the_wall_clock_tells_no_more_than_the_time_since_the_last():
    assert NOW.since(Moment(at=980.0, boot="a", ticks=9e9)) == 20
    assert NOW.since(Moment(at=900.0, boot="a", ticks=9e9)) == 50
    future = Moment(at=1001.0, boot="a", ticks=0.0)
    assert NOW.since(future) == 0
    assert NOW.precedes(future)


def test_setting_the_clock_moves_no_seconds(monkeypatch):
    first = moment()
    monkeypatch.setattr(time, "time", lambda: first.at - 10_000)
    assert 0 <= moment().since(first) < 1000
    assert moment().at == first.at - 10_000


def test_without_a_name_for_the_boot_each_process_counts_for_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(clock, "_BOOT_ID", tmp_path / "missing")
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    clock._boot.cache_clear()
    try:
        first, second = moment(), moment()
        clock._boot.cache_clear()
        elsewhere = moment()
    finally:
        clock._boot.cache_clear()
    assert first.boot == second.boot != elsewhere.boot
    assert second.ticks >= first.ticks
