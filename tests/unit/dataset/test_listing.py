"""What a view lists: search, attention, order, and what stays where it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phoenix_nbtrain.dataset.listing import SORTS, Entry, Wish, listed


def entries(*names: str) -> list[Entry]:
    return [Entry(id=name, name=name) for name in names]


def test_names_are_sorted_as_people_count() -> None:
    rows = entries("img10.png", "img2.png", "Img1.png")
    assert listed(rows, Wish(sort="name")) == ("Img1.png", "img2.png", "img10.png")


def test_every_word_is_looked_for_in_name_and_text_in_any_case_and_form() -> None:
    rows = [
        Entry(id="a", name="fox.png", text="a RED animal"),
        Entry(id="b", name="red.png", text="a wolf"),
        Entry(id="c", name="e\u0301te\u0301.png", text="STRASSE"),
    ]
    assert listed(rows, Wish(search="red fox")) == ("a",)
    assert listed(rows, Wish(search=" Red ")) == ("a", "b")
    assert listed(rows, Wish(search="ÉTÉ straße")) == ("c",)
    assert listed(rows, Wish(search="foxred")) == ()


def test_what_lacks_a_caption_is_small_or_is_not_saved_comes_first() -> None:
    rows = [
        Entry(id="a", name="", captioned=True, size=9, state="saved"),
        Entry(id="b", name="", captioned=False, size=0, state="sending"),
        Entry(id="c", name="", captioned=True, size=4, state="refused"),
        Entry(id="d", name="", captioned=False, size=6, state="kept"),
    ]
    assert listed(rows, Wish(sort="caption")) == ("b", "d", "a", "c")
    assert listed(rows, Wish(sort="size")) == ("c", "d", "a", "b")  # unknown sizes last
    assert listed(rows, Wish(sort="state")) == ("c", "d", "b", "a")
    assert listed(rows, Wish()) == ("a", "b", "c", "d")


def test_what_is_worked_on_stays_in_its_place_though_it_fits_no_longer() -> None:
    rows = [Entry(id=c, name=c, attention=c in "bd") for c in "abcd"]
    assert listed(rows, Wish(attention=True)) == ("b", "d")
    mended = [Entry(id=c, name=c, attention=c == "d") for c in "abcd"]
    assert listed(mended, Wish(attention=True, keep=(("b", 0),))) == ("b", "d")
    renamed = [Entry(id=c, name={"a": "z"}.get(c, c)) for c in "abcd"]
    assert listed(renamed, Wish(sort="name", keep=(("a", 0),))) == ("a", "b", "c", "d")


def test_what_is_gone_is_not_kept_and_a_place_too_far_is_the_end() -> None:
    assert listed(entries("a", "b"), Wish(search="a", keep=(("b", 99), ("x", 0)))) == ("a", "b")


@given(
    names=st.lists(st.text(max_size=4), unique=True, max_size=12),
    keep=st.lists(st.tuples(st.text(max_size=4), st.integers(0, 20)), max_size=6),
    sort=st.sampled_from(SORTS),
    search=st.text(max_size=2),
)
def test_no_row_is_listed_twice_and_none_that_is_not_there(
    names: list[str], keep: list[tuple[str, int]], sort: str, search: str
) -> None:
    order = listed(entries(*names), Wish(search=search, sort=sort, keep=tuple(dict(keep).items())))
    assert len(set(order)) == len(order) and set(order) <= set(names)
    assert {name for name, _ in keep if name in names} <= set(order)
    if not search.split():
        assert set(order) == set(names)


@pytest.mark.parametrize("sort", SORTS)
def test_every_order_takes_ten_thousand(sort: str) -> None:
    rows = [Entry(id=str(n), name=f"img{n}.png", size=n) for n in range(10_000)]
    assert len(listed(rows, Wish(sort=sort, search="img png"))) == 10_000
