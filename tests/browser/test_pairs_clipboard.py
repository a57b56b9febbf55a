"""Blocks of cells between the pair table and spreadsheets."""

from __future__ import annotations

from typing import Any

import pytest
from browser.harness import shot
from browser.pair_page import made, many, table_of
from playwright.sync_api import Browser
from trainings import EDIT, image, pair, training_of


def test_rows_are_copied_as_text_and_as_a_table(table: Any) -> None:
    view = table(made())
    view.number(1).click()
    view.number(0).click(modifiers=["Shift"])
    view.until(lambda: view.rows_chosen() == [0, 1])
    text, html = view.copied()
    assert text == "cat line.png\tcat.png\tcolour it\ndog line.png\tdog.png\t"
    assert html.count("<tr>") == 2 and "<td>cat line.png</td>" in html
    assert "2 rows copied" in view.page.locator("[aria-live]").text_content()
    view.press("Escape")
    view.side(0, "target").focus()
    assert view.copied()[0] == "cat.png"


def test_rows_are_copied_in_the_tables_order_however_they_were_chosen(table: Any) -> None:
    view = table(many(6))
    for n in (4, 1, 3):
        view.number(n).click(modifiers=["Control"])
    view.until(lambda: view.rows_chosen() == [1, 3, 4])
    assert [row.split("\t")[2] for row in view.copied()[0].split("\n")] == ["1", "3", "4"]


HOSTILE = '<img src=x onerror=alert(1)>\t"quoted"\nand a line'


def test_what_is_copied_runs_nowhere_and_is_itself_again_when_pasted(table: Any) -> None:
    texts = [HOSTILE, "=HYPERLINK(1)", "-- no hat", "'=kept", "＠at", "plain"]
    training = training_of(
        [image(1, name="=a.png"), image(2, name="b.png")],
        [pair(n, 1, 2, text) for n, text in enumerate(texts)],
        type=EDIT,
    )
    view = table(training)
    view.instruction(0).focus()
    view.press("Control+a")
    view.says("6 selected", exact=True)
    text, html = view.copied()
    assert "<img" not in html and "&lt;img" in html
    for formula in ("=HYPERLINK(1)", "-- no hat", "'=kept", "＠at", "=a.png"):
        assert f"'{formula}" in text and f"<td>'{formula}</td>" in html
    training.edit([{"op": "delete", "table": "pairs", "row": f"pair_{n}"} for n in range(6)])
    view.tell()
    view.button("Add pair").click()
    view.page.get_by_role("combobox").wait_for()
    view.press("Escape")
    view.paste(text)
    view.until(lambda: len(view.pairs) == 6)
    assert view.instructions() == texts
    assert {row.source for row in view.pairs} == {"img_1"}


SLOW_FRAMES = """() => {
  const next = window.requestAnimationFrame;
  window.requestAnimationFrame = (work) => setTimeout(() => next(work), 500);
}"""


def test_the_first_pair_of_all_takes_keys_and_pastes_before_it_is_painted(table: Any) -> None:
    view = table(made(pairs=0))
    view.js(SLOW_FRAMES)
    view.button("Add pair").click()
    field = view.page.get_by_role("combobox")
    field.wait_for()
    assert field.evaluate("(n) => n === document.activeElement")
    view.press("Escape")
    view.paste("cat.png\tdog.png\tx\ncat.png\tfox.png\ty")
    view.until(lambda: view.instructions() == ["x", "y"])


def test_a_block_is_pasted_into_an_empty_table(table: Any) -> None:
    view = table(made(pairs=0))
    view.page.get_by_text("paste them from a spreadsheet").click()
    view.paste("cat.png\tdog.png\tx\ncat.png\tfox.png\ty")
    view.until(lambda: view.instructions() == ["x", "y"])
    view.side(1, "target").get_by_text("fox.png").wait_for()
    assert view.axe() == []


def test_a_paste_beside_the_cells_is_not_lost_in_silence(table: Any) -> None:
    view = table(made())
    view.button("Export…").focus()
    view.paste("x")
    view.says("Not pasted: select a cell first")
    assert view.sent("edit") == []
    view.number(1).click()
    view.button("Export…").focus()
    view.paste("cat.png\tdog.png\tx")
    view.until(lambda: view.instructions() == ["colour it", "x"])


def test_a_paste_goes_where_one_was_however_late_it_can_be_done(table: Any) -> None:
    view = table(many(3))
    view.js(
        """() => { const { send } = model; model.send = async function (message) {
          if (message.kind === "part") await new Promise((go) => (window.go = go));
          return send.call(this, message); } }"""
    )
    view.instruction(0).focus()
    view.paste("a\nb")
    view.press("ArrowDown", "ArrowDown")
    view.js("() => window.go()")
    view.until(lambda: view.instructions() == ["a", "b", "2"])


def test_a_column_is_pasted_in_one_message_and_new_rows_become_pairs(table: Any) -> None:
    training = made()
    before = training.state.draft.pairs
    view = table(training)
    view.side(1, "source").focus()
    block = 'cat line.png\tfox.png\t"two\nlines ""here"""\r\nfox\tdog.png\tsecond\r\n'
    view.paste(block)
    view.until(lambda: len(view.pairs) == 3)
    second, third = view.pairs[1:]
    assert second.triple == ("img_1", "img_4", 'two\nlines "here"')
    assert third.triple == ("img_4", "img_2", "second")
    assert len(view.sent("edit")) == 1
    view.side(2, "source").get_by_text("fox.png").wait_for()
    view.until(lambda: view.cells_chosen()[1:] == [[True] * 3] * 2)
    view.press("Control+z")
    view.until(lambda: view.pairs == before)


BLOCK = "fox.png\tdog.png\ta\ndog line.png\tgirafe\tb\ncat.pgn\tfox.png\tc"
"""For two pairs that stand and a new one; the last two each name an image that nobody has."""


def test_a_wrong_cell_that_is_mended_to_what_is_there_brings_its_row_in(table: Any) -> None:
    training = made()
    (source, target, _) = training.state.draft.pairs[1].triple
    view = table(training)
    view.side(0, "source").focus()
    view.paste("cat line.png\tcat.png\ta\ndog line.png\tdgo.png\tb")
    view.page.get_by_role("alert").get_by_text("1 row pasted, 1 rejected: row 2:").wait_for()
    view.side(1, "target").click()
    view.page.get_by_role("combobox").fill("dog.png")
    view.press("Enter")
    view.until(lambda: view.pairs[1].triple == (source, target, "b"))
    view.until(lambda: view.page.locator("[aria-invalid]").count() == 0)


@pytest.mark.parametrize("dark", [False, True])
def test_a_row_with_one_wrong_cell_is_not_taken_and_keeps_what_was_given(
    table: Any, dark: bool
) -> None:
    training = made()
    before = training.state.draft.pairs
    view = table(training, dark=dark)
    page = view.page
    view.side(0, "source").focus()
    view.paste(BLOCK)
    note = page.get_by_role("alert")
    note.get_by_text("1 row pasted, 2 rejected: row 2: There is no image girafe").wait_for()
    assert "row 3: There is no image cat.pgn" in note.inner_text()
    assert note.locator(".nbt-typed").inner_text() == "cat.pgn\tfox.png\tc"
    first, second = view.pairs
    assert first.triple == ("img_4", "img_2", "a") and second == before[1]

    # What was given is in the cells; with the wrong one mended, all of them are taken.
    for cell in (view.side(1, "source"), view.side(1, "target"), view.instruction(1)):
        assert cell.get_attribute("aria-invalid") == "true"
    assert page.get_by_role("alert").count() == 1
    assert view.axe() == []
    shot(view, f"row-rejected-{'dark' if dark else 'light'}")
    view.side(1, "target").click()
    assert page.get_by_role("combobox").input_value() == "girafe"
    page.get_by_role("combobox").fill("cat.png")
    view.press("Enter")
    view.until(lambda: view.pairs[1].triple == ("img_3", "img_0", "b"))
    view.until(lambda: view.line(1).locator(".nbt-word").inner_text() == "saved locally")
    view.press("Control+z")
    view.until(lambda: view.pairs[1].triple == second.triple)


def test_one_row_for_many_pairs_is_taken_by_those_that_can(table: Any) -> None:
    view = table(made())
    view.side(0, "source").focus()
    view.press("Control+a")
    view.says("2 selected", exact=True)
    view.paste("cat line.png\tcat line.png\tx")
    view.says("0 rows pasted, 2 rejected: row 1:")
    assert view.instructions() == ["colour it", ""]


def test_rows_that_were_refused_are_offered_again_where_the_page_is_loaded_anew(
    table: Any,
) -> None:
    training = made()
    view = table(training)
    view.side(0, "source").focus()
    view.paste(BLOCK)
    view.says("1 row pasted, 2 rejected")
    view = table(training)
    view.line(1).get_by_text("There is no image girafe in the dataset.").first.wait_for()
    view.page.locator(".nbt-typed", has_text="cat.pgn\tfox.png\tc").wait_for()
    view.side(1, "target").click()
    assert view.page.get_by_role("combobox").input_value() == "girafe"
    view.page.get_by_role("combobox").fill("cat.png")
    view.press("Enter")
    view.until(lambda: view.pairs[1].triple == ("img_3", "img_0", "b"))
    view = table(training)
    view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
    assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []
    assert view.page.locator("[aria-invalid='true']").count() == 0


def test_a_refused_cell_that_is_let_go_is_not_offered_again(table: Any) -> None:
    training = made()
    view = table(training)
    view.side(1, "target").focus()
    view.paste("girafe")
    view.says("0 rows pasted, 1 rejected: row 1: There is no image")
    view.side(1, "target").click()
    view.press("Escape")
    view.until(lambda: view.side(1, "target").get_attribute("aria-invalid") is None)
    view = table(training)
    view.page.wait_for_function("() => model.heard.some((reply) => reply.cells)")
    assert view.js("() => model.heard.find((reply) => reply.cells).cells") == []


def test_refused_words_whose_pair_is_gone_are_given_back(browser: Browser) -> None:
    training = made()
    with table_of(browser, training) as view:
        view.side(1, "target").focus()
        view.paste("girafe")
        view.line(1).get_by_text("There is no image girafe in the dataset.").wait_for()
    training.edit([{"op": "delete", "table": "pairs", "row": "pair_2"}])
    with table_of(browser, training) as view:
        view.page.locator(".nbt-typed").get_by_text("girafe").wait_for()


def test_one_text_fills_all_that_is_chosen(table: Any) -> None:
    view = table(many(4))
    view.instruction(1).focus()
    view.press("Shift+ArrowDown")
    view.until(lambda: view.cells_chosen()[2][2])
    view.paste("the same, for both")
    view.until(
        lambda: view.instructions() == ["0", "the same, for both", "the same, for both", "3"],
    )


def test_lines_of_text_go_down_the_column_whatever_commas_they_hold(table: Any) -> None:
    view = table(many(3))
    view.instruction(0).focus()
    view.paste("red, bold\nblue, thin\n\ngreen")
    view.until(lambda: view.instructions() == ["red, bold", "blue, thin", "", "green"])
    assert view.pairs[3].source == ""


@pytest.mark.parametrize(
    "text",
    [
        "cat.png,dog.png,go\ndog.png,cat.png,back",
        "instruction,target,source\ngo,dog.png,cat.png\nback,cat.png,dog.png",
        " cat.png \tdog.png\tgo\r\ndog.png\t cat.png\tback\r\n",
        "Source\tTarget\tInstruction\ncat.png\tdog.png\tgo\ndog.png\tcat.png\tback\n",
    ],
)
def test_tables_with_commas_or_a_header_are_understood(table: Any, text: str) -> None:
    view = table(made())
    view.side(0, "source").focus()
    view.paste(text)
    wanted = [("img_0", "img_2", "go"), ("img_2", "img_0", "back")]
    view.until(lambda: [row.triple for row in view.pairs] == wanted)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\tb\tc\td", "The block has 4 columns; 3 fit here."),
        ("\n \n", "There is no text to paste."),
        ("x\n" * 2451, "a dataset has at most 2,450 pairs."),
    ],
)
def test_what_does_not_fit_is_refused_whole(table: Any, text: str, says: str) -> None:
    view = table(made())
    view.instruction(0).focus()
    view.paste(text)
    view.says(says)
    assert view.sent("edit") == []


def test_two_columns_at_the_instruction_do_not_fit(table: Any) -> None:
    view = table(made())
    view.instruction(0).focus()
    view.paste("a\tb")
    view.says("The block has 2 columns; 1 fit")
    assert view.sent("edit") == []


def test_a_sheet_pasted_into_an_open_cell_is_cells_and_words_are_words(table: Any) -> None:
    view = table(made())
    view.instruction(0).click()
    view.page.locator("textarea").fill("half typed")
    view.paste("one\ntwo", "<table><tr><td>one</td></tr><tr><td>two</td></tr></table>")
    view.until(lambda: view.instructions() == ["one", "two"])
    assert view.page.locator("textarea").count() == 0
    view.press("Control+z")
    view.press("Control+z")  # what was half typed was kept before it
    view.until(lambda: view.instructions() == ["colour it", ""])
    view.instruction(0).click()
    view.paste("one\ntwo")
    view.page.wait_for_timeout(100)
    assert view.page.locator("textarea").count() == 1 and len(view.sent("edit")) == 2


def test_cut_empties_cells_and_takes_whole_rows_out(table: Any) -> None:
    view = table(many(3))
    view.instruction(0).focus()
    assert view.copied("cut")[0] == "0"
    view.until(lambda: view.instructions() == ["", "1", "2"])
    view.number(1).click()
    view.until(lambda: view.rows_chosen() == [1])
    assert view.copied("cut")[0].endswith("\t1")
    view.until(lambda: view.instructions() == ["", "2"])


def test_rows_that_were_never_in_view_are_copied_too(table: Any) -> None:
    view = table(many(300))
    view.instruction(0).focus()
    view.press("Control+a")
    view.says("300 selected", exact=True)
    view.until(lambda: view.copied()[0].count("\n") == 299)
    assert [row.split("\t")[2] for row in view.copied()[0].split("\n")] == [
        str(n) for n in range(300)
    ]


def test_real_keys_copy_and_paste(table: Any) -> None:
    view = table(many(3))
    view.instruction(0).focus()
    view.press("Control+c", "ArrowDown", "Control+v")
    view.until(lambda: view.instructions() == ["0", "0", "2"])


def test_a_block_waits_for_a_busy_kernel_and_is_taken_once(table: Any) -> None:
    view = table(many(3))
    view.instruction(0).focus()
    view.paste("warm")  # the part is here from now on
    view.until(lambda: view.instructions()[0] == "warm")
    view.js("() => { window.model.lost = 1 }")  # the next reply never comes
    view.paste("a\nb\nc\nd")
    view.instruction(2).get_by_text("c", exact=True).wait_for()
    view.until(lambda: view.instructions() == ["a", "b", "c", "d"])
    view.page.wait_for_timeout(4500)
    view.until(lambda: view.line(2).locator(".nbt-word").inner_text() == "saved locally")
    assert len(view.pairs) == 4
    assert view.training.edits == 2


def test_others_keep_their_clipboard(table: Any) -> None:
    view = table(made())
    view.js("() => document.activeElement.blur()")
    assert view.copied() == ("", "")
    view.paste("x")
    view.page.wait_for_timeout(100)
    assert view.sent("edit") == []
    view.instruction(0).focus()
    assert view.copied()[0] == "colour it"
    view.js("() => window.end()")
    handled = view.js(
        """() => !document.body.dispatchEvent(
          new ClipboardEvent("copy", { clipboardData: new DataTransfer(), bubbles: true, cancelable: true }))"""
    )
    assert handled is False
