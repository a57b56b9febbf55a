"""Blocks of cells between the pair table and spreadsheets."""

from __future__ import annotations

import pytest
from browser.harness import browser, shot, until
from browser.pair_page import (
    cells_chosen,
    copied,
    instruction,
    instructions,
    line,
    made,
    many,
    number,
    paste,
    rows_chosen,
    side,
    table,
)
from playwright.sync_api import Browser
from trainings import EDIT, image, pair, training_of

__all__ = ["browser"]


def test_rows_are_copied_as_text_and_as_a_table(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        number(view, 1).click()
        number(view, 0).click(modifiers=["Shift"])
        until(view, lambda: rows_chosen(view) == [0, 1])
        text, html = copied(view)
        assert text == "cat line.png\tcat.png\tcolour it\ndog line.png\tdog.png\t"
        assert html.count("<tr>") == 2 and "<td>cat line.png</td>" in html
        assert "2 rows copied" in view.page.locator("[aria-live]").text_content()
        view.page.keyboard.press("Escape")
        side(view, 0, "target").focus()
        assert copied(view)[0] == "cat.png"


def test_rows_are_copied_in_the_tables_order_however_they_were_chosen(browser: Browser) -> None:
    with table(browser, many(6)) as view:
        for n in (4, 1, 3):
            number(view, n).click(modifiers=["Control"])
        until(view, lambda: rows_chosen(view) == [1, 3, 4])
        assert [row.split("\t")[2] for row in copied(view)[0].split("\n")] == ["1", "3", "4"]


HOSTILE = '<img src=x onerror=alert(1)>\t"quoted"\nand a line'


def test_what_is_copied_runs_nowhere_and_is_itself_again_when_pasted(browser: Browser) -> None:
    texts = [HOSTILE, "=HYPERLINK(1)", "-- no hat", "'=kept", "＠at", "plain"]
    training = training_of(
        [image(1, name="=a.png"), image(2, name="b.png")],
        [pair(n, 1, 2, text) for n, text in enumerate(texts)],
        type=EDIT,
    )
    with table(browser, training) as view:
        instruction(view, 0).focus()
        view.page.keyboard.press("Control+a")
        view.page.get_by_text("6 selected", exact=True).wait_for()
        text, html = copied(view)
        assert "<img" not in html and "&lt;img" in html
        for formula in ("=HYPERLINK(1)", "-- no hat", "'=kept", "＠at", "=a.png"):
            assert f"'{formula}" in text and f"<td>'{formula}</td>" in html
        training.edit([{"op": "delete", "table": "pairs", "row": f"pair_{n}"} for n in range(6)])
        view.tell()
        view.page.get_by_role("button", name="Add pair").click()
        view.page.get_by_role("combobox").wait_for()
        view.page.keyboard.press("Escape")
        paste(view, text)
        until(view, lambda: len(training.state.draft.pairs) == 6)
        assert instructions(training) == texts
        assert {row.source for row in training.state.draft.pairs} == {"img_1"}


SLOW_FRAMES = """() => {
  const next = window.requestAnimationFrame;
  window.requestAnimationFrame = (work) => setTimeout(() => next(work), 500);
}"""


def test_the_first_pair_of_all_takes_keys_and_pastes_before_it_is_painted(browser: Browser) -> None:
    training = made(pairs=0)
    with table(browser, training) as view:
        view.js(SLOW_FRAMES)
        view.page.get_by_role("button", name="Add pair").click()
        field = view.page.get_by_role("combobox")
        field.wait_for()
        assert field.evaluate("(n) => n === document.activeElement")
        view.page.keyboard.press("Escape")
        paste(view, "cat.png\tdog.png\tx\ncat.png\tfox.png\ty")
        until(view, lambda: instructions(training) == ["x", "y"])


def test_a_block_is_pasted_into_an_empty_table(browser: Browser) -> None:
    training = made(pairs=0)
    with table(browser, training) as view:
        view.page.get_by_text("paste them from a spreadsheet").click()
        paste(view, "cat.png\tdog.png\tx\ncat.png\tfox.png\ty")
        until(view, lambda: instructions(training) == ["x", "y"])
        side(view, 1, "target").get_by_text("fox.png").wait_for()
        assert view.axe() == []


def test_a_paste_beside_the_cells_is_not_lost_in_silence(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        view.page.get_by_role("button", name="Export…").focus()
        paste(view, "x")
        view.page.get_by_text("Not pasted: choose a cell first").wait_for()
        assert view.sent("edit") == []
        number(view, 1).click()
        view.page.get_by_role("button", name="Export…").focus()
        paste(view, "cat.png\tdog.png\tx")
        until(view, lambda: instructions(training) == ["colour it", "x"])


def test_a_paste_goes_where_one_was_however_late_it_can_be_done(browser: Browser) -> None:
    training = many(3)
    with table(browser, training) as view:
        view.js(
            """() => { const { send } = model; model.send = async function (message) {
              if (message.kind === "part") await new Promise((go) => (window.go = go));
              return send.call(this, message); } }"""
        )
        instruction(view, 0).focus()
        paste(view, "a\nb")
        view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("ArrowDown")
        view.js("() => window.go()")
        until(view, lambda: instructions(training) == ["a", "b", "2"])


def test_a_column_is_pasted_in_one_message_and_new_rows_become_pairs(browser: Browser) -> None:
    training = made()
    before = training.state.draft.pairs
    with table(browser, training) as view:
        side(view, 1, "source").focus()
        block = 'cat line.png\tfox.png\t"two\nlines ""here"""\r\nfox\tdog.png\tsecond\r\n'
        paste(view, block)
        until(view, lambda: len(training.state.draft.pairs) == 3)
        second, third = training.state.draft.pairs[1:]
        assert second.triple == ("img_1", "img_4", 'two\nlines "here"')
        assert third.triple == ("img_4", "img_2", "second")
        assert len(view.sent("edit")) == 1
        side(view, 2, "source").get_by_text("fox.png").wait_for()
        until(view, lambda: cells_chosen(view)[1:] == [[True] * 3] * 2)
        view.page.keyboard.press("Control+z")
        until(view, lambda: training.state.draft.pairs == before)


BLOCK = "fox.png\tdog.png\ta\ndog line.png\tgirafe\tb\ncat.pgn\tfox.png\tc"
"""For two pairs that stand and a new one; the last two each name an image that nobody has."""


def test_a_wrong_cell_that_is_mended_to_what_is_there_brings_its_row_in(browser: Browser) -> None:
    training = made()
    (source, target, _) = training.state.draft.pairs[1].triple
    with table(browser, training) as view:
        side(view, 0, "source").focus()
        paste(view, "cat line.png\tcat.png\ta\ndog line.png\tdgo.png\tb")
        view.page.get_by_role("alert").get_by_text("1 row pasted, 1 rejected: row 2:").wait_for()
        side(view, 1, "target").click()
        view.page.get_by_role("combobox").fill("dog.png")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[1].triple == (source, target, "b"))
        until(view, lambda: view.page.locator("[aria-invalid]").count() == 0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_row_with_one_wrong_cell_is_not_taken_and_keeps_what_was_given(
    browser: Browser, dark: bool
) -> None:
    training = made()
    before = training.state.draft.pairs
    with table(browser, training, dark=dark) as view:
        page = view.page
        side(view, 0, "source").focus()
        paste(view, BLOCK)
        note = page.get_by_role("alert")
        note.get_by_text("1 row pasted, 2 rejected: row 2: There is no picture girafe").wait_for()
        assert "row 3: There is no picture cat.pgn" in note.inner_text()
        assert note.locator(".nbt-typed").inner_text() == "cat.pgn\tfox.png\tc"
        first, second = training.state.draft.pairs
        assert first.triple == ("img_4", "img_2", "a") and second == before[1]

        # What was given is in the cells; with the wrong one mended, all of them are taken.
        for cell in (side(view, 1, "source"), side(view, 1, "target"), instruction(view, 1)):
            assert cell.get_attribute("aria-invalid") == "true"
        assert page.get_by_role("alert").count() == 1
        assert view.axe() == []
        shot(view, f"row-rejected-{'dark' if dark else 'light'}")
        side(view, 1, "target").click()
        assert page.get_by_role("combobox").input_value() == "girafe"
        page.get_by_role("combobox").fill("cat.png")
        page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[1].triple == ("img_3", "img_0", "b"))
        until(view, lambda: line(view, 1).locator(".nbt-word").inner_text() == "kept here")
        page.keyboard.press("Control+z")
        until(view, lambda: training.state.draft.pairs[1].triple == second.triple)


def test_one_row_for_many_pairs_is_taken_by_those_that_can(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "source").focus()
        view.page.keyboard.press("Control+a")
        view.page.get_by_text("2 selected", exact=True).wait_for()
        paste(view, "cat line.png\tcat line.png\tx")
        view.page.get_by_text("0 rows pasted, 2 rejected: row 1:").wait_for()
        assert instructions(training) == ["colour it", ""]


def test_rows_that_were_refused_are_offered_again_where_the_page_is_loaded_anew(
    browser: Browser,
) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "source").focus()
        paste(view, BLOCK)
        view.page.get_by_text("1 row pasted, 2 rejected").wait_for()
    with table(browser, training) as view:
        line(view, 1).get_by_text("There is no picture girafe in the set.").first.wait_for()
        view.page.locator(".nbt-typed", has_text="cat.pgn\tfox.png\tc").wait_for()
        side(view, 1, "target").click()
        assert view.page.get_by_role("combobox").input_value() == "girafe"
        view.page.get_by_role("combobox").fill("cat.png")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.pairs[1].triple == ("img_3", "img_0", "b"))
    with table(browser, training) as view:
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []
        assert view.page.locator("[aria-invalid='true']").count() == 0


def test_a_refused_cell_that_is_let_go_is_not_offered_again(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 1, "target").focus()
        paste(view, "girafe")
        view.page.get_by_text("0 rows pasted, 1 rejected: row 1: There is no picture").wait_for()
        side(view, 1, "target").click()
        view.page.keyboard.press("Escape")
        until(view, lambda: side(view, 1, "target").get_attribute("aria-invalid") is None)
    with table(browser, training) as view:
        view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
        assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


def test_refused_words_whose_pair_is_gone_are_given_back(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 1, "target").focus()
        paste(view, "girafe")
        line(view, 1).get_by_text("There is no picture girafe in the set.").wait_for()
    training.edit([{"op": "delete", "table": "pairs", "row": "pair_2"}])
    with table(browser, training) as view:
        view.page.locator(".nbt-typed").get_by_text("girafe").wait_for()


def test_one_text_fills_all_that_is_chosen(browser: Browser) -> None:
    training = many(4)
    with table(browser, training) as view:
        instruction(view, 1).focus()
        view.page.keyboard.press("Shift+ArrowDown")
        until(view, lambda: cells_chosen(view)[2][2])
        paste(view, "the same, for both")
        until(
            view,
            lambda: (
                instructions(training) == ["0", "the same, for both", "the same, for both", "3"]
            ),
        )


def test_lines_of_text_go_down_the_column_whatever_commas_they_hold(browser: Browser) -> None:
    training = many(3)
    with table(browser, training) as view:
        instruction(view, 0).focus()
        paste(view, "red, bold\nblue, thin\n\ngreen")
        until(view, lambda: instructions(training) == ["red, bold", "blue, thin", "", "green"])
        assert training.state.draft.pairs[3].source == ""


@pytest.mark.parametrize(
    "text",
    [
        "cat.png,dog.png,go\ndog.png,cat.png,back",
        "instruction,target,source\ngo,dog.png,cat.png\nback,cat.png,dog.png",
        " cat.png \tdog.png\tgo\r\ndog.png\t cat.png\tback\r\n",
        "Source\tTarget\tInstruction\ncat.png\tdog.png\tgo\ndog.png\tcat.png\tback\n",
    ],
)
def test_tables_with_commas_or_a_header_are_understood(browser: Browser, text: str) -> None:
    training = made()
    with table(browser, training) as view:
        side(view, 0, "source").focus()
        paste(view, text)
        wanted = [("img_0", "img_2", "go"), ("img_2", "img_0", "back")]
        until(view, lambda: [row.triple for row in training.state.draft.pairs] == wanted)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\tb\tc\td", "The block has 4 columns; 3 fit here."),
        ("\n \n", "There is no text to paste."),
        ("x\n" * 2451, "a set has 2,450 pairs at most."),
    ],
)
def test_what_does_not_fit_is_refused_whole(browser: Browser, text: str, says: str) -> None:
    training = made()
    with table(browser, training) as view:
        instruction(view, 0).focus()
        paste(view, text)
        view.page.get_by_text(says).wait_for()
        assert view.sent("edit") == []


def test_two_columns_at_the_instruction_do_not_fit(browser: Browser) -> None:
    with table(browser, made()) as view:
        instruction(view, 0).focus()
        paste(view, "a\tb")
        view.page.get_by_text("The block has 2 columns; 1 fit").wait_for()
        assert view.sent("edit") == []


def test_a_sheet_pasted_into_an_open_cell_is_cells_and_words_are_words(browser: Browser) -> None:
    training = made()
    with table(browser, training) as view:
        instruction(view, 0).click()
        view.page.locator("textarea").fill("half typed")
        paste(view, "one\ntwo", "<table><tr><td>one</td></tr><tr><td>two</td></tr></table>")
        until(view, lambda: instructions(training) == ["one", "two"])
        assert view.page.locator("textarea").count() == 0
        view.page.keyboard.press("Control+z")
        view.page.keyboard.press("Control+z")  # what was half typed was kept before it
        until(view, lambda: instructions(training) == ["colour it", ""])
        instruction(view, 0).click()
        paste(view, "one\ntwo")
        view.page.wait_for_timeout(100)
        assert view.page.locator("textarea").count() == 1 and len(view.sent("edit")) == 2


def test_cut_empties_cells_and_takes_whole_rows_out(browser: Browser) -> None:
    training = many(3)
    with table(browser, training) as view:
        instruction(view, 0).focus()
        assert copied(view, "cut")[0] == "0"
        until(view, lambda: instructions(training) == ["", "1", "2"])
        number(view, 1).click()
        until(view, lambda: rows_chosen(view) == [1])
        assert copied(view, "cut")[0].endswith("\t1")
        until(view, lambda: instructions(training) == ["", "2"])


def test_rows_that_were_never_in_view_are_copied_too(browser: Browser) -> None:
    with table(browser, many(300)) as view:
        instruction(view, 0).focus()
        view.page.keyboard.press("Control+a")
        view.page.get_by_text("300 selected", exact=True).wait_for()
        until(view, lambda: copied(view)[0].count("\n") == 299)
        assert [row.split("\t")[2] for row in copied(view)[0].split("\n")] == [
            str(n) for n in range(300)
        ]


def test_real_keys_copy_and_paste(browser: Browser) -> None:
    training = many(3)
    with table(browser, training) as view:
        instruction(view, 0).focus()
        view.page.keyboard.press("Control+c")
        view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("Control+v")
        until(view, lambda: instructions(training) == ["0", "0", "2"])


def test_a_block_waits_for_a_busy_kernel_and_is_taken_once(browser: Browser) -> None:
    training = many(3)
    with table(browser, training) as view:
        instruction(view, 0).focus()
        paste(view, "warm")  # the part is here from now on
        until(view, lambda: instructions(training)[0] == "warm")
        view.js("() => { window.model.lost = 1 }")  # the next reply never comes
        paste(view, "a\nb\nc\nd")
        instruction(view, 2).get_by_text("c", exact=True).wait_for()
        until(view, lambda: instructions(training) == ["a", "b", "c", "d"])
        view.page.wait_for_timeout(4500)
        until(view, lambda: line(view, 2).locator(".nbt-word").inner_text() == "kept here")
        assert len(training.state.draft.pairs) == 4
        assert training.edits == 2


def test_others_keep_their_clipboard(browser: Browser) -> None:
    with table(browser, made()) as view:
        view.js("() => document.activeElement.blur()")
        assert copied(view) == ("", "")
        paste(view, "x")
        view.page.wait_for_timeout(100)
        assert view.sent("edit") == []
        instruction(view, 0).focus()
        assert copied(view)[0] == "colour it"
        view.js("() => window.end()")
        handled = view.js(
            """() => !document.body.dispatchEvent(
              new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true, cancelable: true }))"""
        )
        assert handled is False
