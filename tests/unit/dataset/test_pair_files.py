"""Pairs in files: every line's fate, and that what is written is read again."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.dataset.drafts import done, image, named, pair, refused

from phoenix_nbtrain.dataset.allowed_text import caption_text
from phoenix_nbtrain.dataset.edits import PAIRS_MAX
from phoenix_nbtrain.dataset.pair_files import PairReport, lines_of, save, take, written
from phoenix_nbtrain.draft import Draft


def added(draft: Draft, source: Any) -> tuple[Draft, PairReport]:
    taken = take(draft, lines_of(source))
    applied = done(draft, *taken.ops)
    return applied.draft, taken.report({r.op: r.reason for r in applied.refused})


def fates(report: PairReport) -> list[tuple[int, str]]:
    return [(row.line, row.fate) for row in report.rows]


@pytest.fixture
def table(tmp_path: Path) -> Any:
    def write(content: str | bytes, name: str = "pairs.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_each_line_says_what_became_of_it(draft: Draft, table: Any) -> None:
    after, report = added(
        draft,
        table(
            "source,target,instruction\n"
            "a.png,b.png,turn\n"  # stands
            "c.png,d.png,new words\n"  # stands with other words
            "a.png,d.png,fresh\n"
            "zz.png,d.png,x\n"
            "a.png,a.png,x\n"
            "a.png,d.png,fresh\n"
            "a.png\n"
        ),
    )
    expected = ["already there", "changed", "added", "refused", "refused", "added", "refused"]
    assert fates(report) == list(enumerate(expected, 2))
    assert report.summary == "2 added, 1 changed, 1 already there, 3 refused"
    assert [row.triple for row in after.pairs] == [
        ("img_a", "img_b", "turn"),
        ("img_c", "img_d", "new words"),
        ("img_a", "img_d", "fresh"),
        ("img_a", "img_d", "fresh"),
    ]
    reasons = {row.line: row.reason for row in report.rows}
    assert "no image zz.png" in reasons[5] and "same image" in reasons[6]
    assert reasons[7] == "the same pair as in line 4" and "1 values" in reasons[8]
    assert "line 5, zz.png → d.png: refused" in str(report)
    again, second = added(after, table("source,target\na.png,d.png\na.png,d.png\n"))
    assert again is after and second.summary == "2 already there"


@pytest.mark.parametrize(
    "content",
    [
        b'\xef\xbb\xbfsource,target,instruction\r\na.png,d.png,"two\r\nlines, ""here"""\r\n',
        'source;target;instruction\na.png;d.png;"two\nlines, ""here"""\n'.encode("utf-16"),
        b'Source\tTarget\tInstruction\na.png\td.png\t"two\nlines, ""here"""\n\n',
    ],
)
def test_bytes_as_programs_write_them(draft: Draft, table: Any, content: bytes) -> None:
    after, report = added(draft, table(content))
    assert fates(report) == [(2, "added")]
    assert after.pairs[-1].triple == ("img_a", "img_d", 'two\nlines, "here"')


def test_a_line_that_cannot_be_read_is_told_by_its_names(draft: Draft, table: Any) -> None:
    _, report = added(draft, table("\nSource;Target;Instruction\n;;\nA;B\n"))
    assert [(row.line, row.source, row.target) for row in report.rows] == [(4, "A", "B")]
    assert "2 values, the header 3" in report.rows[0].reason


def test_json_lines_frames_and_records_are_taken_alike(draft: Draft, table: Any) -> None:
    lines = '{"source": "a", "target": "img_d", "instruction": "x"}\n[1]\n\n{"source": "a"}\n'
    after, report = added(draft, table(lines, "pairs.jsonl"))
    assert fates(report) == [(1, "added"), (2, "refused"), (4, "refused")]
    rows = [{"source": "a.png", "target": "d.png", "instruction": None}]
    for source in (rows, pd.DataFrame(rows)):
        assert added(draft, source)[0].pairs[-1].triple == ("img_a", "img_d", "")
    named, second = added(draft, [{"input": "a.png", "target": "d.png"}])
    assert named is draft and "Call it source." in second.rows[0].reason
    assert after.pairs[-1].instruction == "x"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ("\n \r\n", "empty"),
        ("input,output,prompt\na,b,c\n", "Call it source."),
        ("source,target,prompt\na,b,c\n", "Call it instruction."),
        ("source,instruction\na,b\n", "needs one column target"),
        ("source,target,source\na,b,c\n", "needs one column source"),
        ("source,target,colour\na,b,c\n", "unknown column"),
        ('source,target\n"a,b\n', "is not valid CSV"),
        ("source,target,instruction\na,b," + "x" * 200_000 + "\n", "is not valid CSV"),
        (b"source,target\n\xff\xfe\xfd,b\n", "not UTF-8, first in line 2"),
        ("source,target\na,b\n".encode("utf-16-le"), "UTF-16 without a byte order mark"),
        ("source,target\n" + "a,b\n" * 10_001, "more than 10,000 rows"),
    ],
)
def test_what_is_no_table_of_pairs_is_refused_whole(table: Any, content: Any, says: str) -> None:
    assert says in refused(lines_of, table(content))


@pytest.mark.parametrize("source", [5, "pairs.xlsx", "gone.csv", [1], {"source": "a"}, "../../x"])
def test_what_is_no_source_is_refused(source: Any) -> None:
    assert refused(lines_of, source)


def test_a_huge_instruction_refuses_its_line_alone(draft: Draft) -> None:
    rows = [
        {"source": "a", "target": "d", "instruction": "x" * 70_000},
        {"source": "a", "target": "c", "instruction": "fine"},
        {"source": 5, "target": "c"},
    ]
    _, report = added(draft, rows)
    assert [row.fate for row in report.rows] == ["refused", "added", "refused"]
    assert "64 KiB" in report.rows[0].reason


def test_more_pairs_than_a_draft_takes_are_told_one_by_one(draft: Draft) -> None:
    rows = [{"source": "a", "target": "d"}] * (PAIRS_MAX - 1)
    after, report = added(draft, rows)
    assert len(after.pairs) == PAIRS_MAX
    assert report.count("refused") == 1 and "2,450" in report.rows[-1].reason


def test_hostile_names_stay_text_in_the_report(draft: Draft) -> None:
    name = "<img src=x onerror=alert(1)>"
    _, report = added(draft, [{"source": name, "target": "a\u202eb"}])
    assert "<img" not in report._repr_html_() and "&lt;img" in report._repr_html_()
    assert "\u202e" not in str(report)


def test_nothing_that_a_spreadsheet_runs_is_written() -> None:
    texts = ["=1+1", "+1", "-1", "@x", "\tx", "'=quoted", "＝full", "plain", "a=b"]
    images = image("=cmd.png", image_id="img_a"), image("b.png")
    pairs = tuple(pair(n, "a", "b", text) for n, text in enumerate(texts))
    text = written(Draft(images=images, pairs=pairs), "csv")
    cells = [cell for row in list(csv.reader(io.StringIO(text)))[1:] for cell in row]
    assert not any(cell[:1] in tuple("=+-@\t＝") for cell in cells)
    assert "plain" in cells and "a=b" in cells and "''=quoted" in cells


def test_a_file_is_written_whole_and_no_other_is_overwritten(draft: Draft, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    assert save(draft, path, overwrite=False) == path
    assert path.read_bytes().startswith(b"\xef\xbb\xbfsource,target,instruction\r\na.png,b.png")
    assert save(draft, str(path), overwrite=False) == path  # the same is no other
    path.write_text("mine")
    assert "different content" in refused(save, draft, path, overwrite=False)
    assert path.read_text() == "mine"
    save(draft, path, overwrite=True)
    assert [found.name for found in tmp_path.iterdir()] == ["pairs.csv"]
    for wrong in ("pairs.xlsx", tmp_path / "no" / "pairs.csv", "", 5, tmp_path / "a\0.csv"):
        assert refused(save, draft, wrong, overwrite=True)


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=12)
FILES = ["=a.png", "same.png", "line/cat.png", "cat.png", "'x.png", "a,b.png", "é.png"]
NAMES = st.one_of(
    st.sampled_from(FILES),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=6),
)


@given(
    st.lists(NAMES, min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), WORDS), max_size=8),
    st.sampled_from(["csv", "jsonl"]),
)
def test_what_is_written_is_read_again(
    names: list[str], sides: list[tuple[int, int, str]], kind: str
) -> None:
    empty = named(*(name.strip() or "x" for name in names))
    ends = [(n, a % len(names), b % len(names), text) for n, (a, b, text) in enumerate(sides)]
    pairs = tuple(pair(n, f"{a}", f"{b}", caption_text(t)) for n, a, b, t in ends if a != b)
    draft = replace(empty, pairs=pairs)
    with TemporaryDirectory() as folder:
        path = save(draft, Path(folder) / f"pairs.{kind}", overwrite=False)
        if not pairs and kind == "jsonl":
            return  # an empty file, which is refused for that
        after, report = added(empty, path)
    assert [row.triple for row in after.pairs] == [row.triple for row in pairs]
    assert report.count("added") == len(pairs)
    assert added(draft, [])[0] is draft


def test_pairs_of_the_same_images_are_known_by_their_instruction_first(draft: Draft) -> None:
    rows = [{"source": "a", "target": "b", "instruction": text} for text in ("turn", "other")]
    both, _ = added(draft, rows)
    again, report = added(both, rows[::-1])
    assert report.summary == "2 already there" and again is both


GOOD = {"source": "a.png", "target": "d.png", "instruction": "fresh"}
WRONG = {"source": "c.png", "target": "giraffe.png", "instruction": "new words"}


@pytest.mark.parametrize("form", ["csv", "jsonl", "frame", "records"])
def test_a_line_with_one_wrong_cell_changes_nothing_whatever_it_comes_in(
    draft: Draft, table: Any, form: str
) -> None:
    frame = pd.DataFrame([GOOD, WRONG])
    source = {
        "frame": frame,
        "records": [GOOD, WRONG],
        "csv": table(frame.to_csv(index=False)),
        "jsonl": table(f"{json.dumps(GOOD)}\n{json.dumps(WRONG)}", "pairs.jsonl"),
    }[form]
    after, report = added(draft, source)
    assert report.summary == "1 added, 1 refused"
    (row,) = [row for row in report.rows if row.fate == "refused"]
    assert "There is no image giraffe.png" in row.reason
    assert (row.source, row.target) == ("c.png", "giraffe.png")
    assert after.pairs[: len(draft.pairs)] == draft.pairs
    assert len(after.pairs) == len(draft.pairs) + 1


def test_what_is_given_twice_is_not_guessed_at(draft: Draft, table: Any) -> None:
    line = '{"source": "a.png", "target": "d.png", "target": "c.png"}'
    after, report = added(draft, table(line, "pairs.jsonl"))
    assert after is draft and "It gives target twice." in report.rows[0].reason
    for name in ("instruction", "target"):
        header = f"source,target,instruction,{name}"
        assert name in refused(lines_of, table(f"{header}\na.png,d.png,x,y\n"))
