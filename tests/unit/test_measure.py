"""How mutants are judged: which change words alone, and what counts."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure.py"


@pytest.fixture(scope="module")
def measure():
    spec = importlib.util.spec_from_file_location("measure", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("original", "mutant"),
    [
        ("raise Error('Start again.')", "raise Error('XXStart again.XX')"),
        ("raise Error('Start again.')", "raise Error('START AGAIN.')"),
        ("raise Error(f'{name} is gone; ' 'look again.')", "raise Error(f'{name} is gone; ' '')"),
    ],
)
def test_a_mutant_that_changes_a_sentence_changes_words_alone(measure, original, mutant):
    assert _same(measure, original, mutant)


@pytest.mark.parametrize(
    ("original", "mutant"),
    [
        ("state = 'running'", "state = 'XXrunningXX'"),
        ("raise Error(remedy='Start again.')", "raise Error(remedy=None)"),
        ("raise Error(f'{name} is gone now')", "raise Error(f'{None} is gone now')"),
        ("run('UPDATE intents SET state = ?')", "run('XXUPDATE intents SET state = ?XX')"),
        ("run('UPDATE intents SET state = ?')", "run('update intents set state = ?')"),
        ("return a and b", "return a or b"),
    ],
)
def test_any_other_mutant_changes_more(measure, original, mutant):
    assert not _same(measure, original, mutant)


def _same(measure, original: str, mutant: str) -> bool:
    return measure.without_words(f"def x():\n    {original}") == measure.without_words(
        f"def x__mutmut_1():\n    {mutant}"
    )


def test_text_and_time_count_apart(measure):
    counts = Counter({"killed": 19, "survived": 1, "untested": 5, "timeout": 7, "text only": 9})
    assert measure.score("merge", counts)[:2] == ("mutation: merge", "76.0%")
    assert measure.score("merge", Counter())[1] == "none"


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("a and", "a or", (3, 4)),
        ("return 1", "return 2", (5, 5)),
        ("2)", "3)", (7, 8)),
        ("except E", "except F", (9, 9)),
        ("y = 1", "y = 2", (10, 10)),
        ("b=1", "b=2", (1, 11)),
    ],
)
def test_a_mutant_changes_one_statement(measure, old, new, lines):
    before = "def f(a,\n b=1):\n if (a and\n  b):\n  return 1\n try:\n  x = g(1,\n   2)\n"
    before += " except E:\n  y = 1\n return x\n"
    assert measure._changed(before, before.replace(old, new).replace("f(", "g(", 1)) == lines
