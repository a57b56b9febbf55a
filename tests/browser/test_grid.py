"""The image grid in a real browser, over a fake model; the kernel's half is the real one."""

from __future__ import annotations

from typing import Any

import pytest
from trainings import image, images, pair, training_of

from phoenix_nbtrain.session.state import SyncState

HOSTILE = (
    "<img src=x onerror=window.pwned=1>.png",
    "<script>top.pwned=1</script>",
    "<select><iframe></select><img src=x: onerror=alert(1)>",
    '<button data-commandlinker-command="x">',
    "[x](javascript:alert(1))",
)


def test_five_thousand_images_are_a_few_dozen_tiles(grid: Any) -> None:
    view = grid(training_of(images(5000)))
    view.caption(0).get_by_text("number 0").wait_for()
    count = "() => document.querySelectorAll('.nbt-tile').length"
    assert view.js(count) <= 60
    for y in (5_000, 60_000, 120_000, 1_000):
        view.scroll(y)
        view.page.wait_for_timeout(60)
    view.scroll(10_000_000)
    view.says("a thing, number 4999")
    view.page.wait_for_timeout(300)
    assert view.js(count) <= 60
    assert view.js("() => document.querySelectorAll('#here *').length") < 900
    assert view.page.locator("[role=grid]").get_attribute("aria-rowcount") == "834"
    # Thumbnails: only what was in view, one row more at each side, never all.
    assert len(view.training.small.asked) < 400
    assert len(view.sent("rows")) < 12


def test_images_scrolled_past_are_not_made(grid: Any) -> None:
    training = training_of(images(5000))
    training.runner.hold = True
    view = grid(training)
    asked: list[str] = []
    for n in range(5):
        left = len(asked)
        view.scroll(20_000 * n)
        view.until(lambda left=left: len(view.sent("thumbnails")) > left)  # type: ignore[misc]
        view.page.wait_for_timeout(250)
        asked = [m["id"] for m in view.sent("thumbnails")]
    assert {m["of"] for m in view.sent("cancel")} == set(asked[:left])

    def all_there() -> bool:
        training.runner.release()
        view.tell()
        return view.page.locator(".nbt-pic:visible img[hidden]").count() == 0

    view.until(all_there)
    assert training.small.made <= 60
    answered = [m["id"] for m in view.js("() => window.model.heard")]
    assert [answered.count(i) for i in asked] == [1] * len(asked)
    view.scroll(20_000)  # what was never made is asked for again where it is looked at
    view.page.wait_for_timeout(100)
    view.until(all_there)
    assert training.small.made <= 120


def test_a_fling_past_thousands_asks_for_little(grid: Any) -> None:
    training = training_of(images(10_000))
    training.runner.hold = True
    view = grid(training)
    view.until(lambda: len(view.sent("thumbnails")) == 1)
    view.js(
        """async () => { const grid = document.querySelector('.nbt-scroll');
        for (let i = 1; i < 60; i += 1) {
          grid.scrollTop = i * 3000; await new Promise(requestAnimationFrame);
        } }"""
    )
    view.page.wait_for_timeout(300)
    assert len(view.sent("thumbnails")) <= 12 and len(view.sent("cancel")) <= 12


def test_images_that_are_left_behind_are_let_go(grid: Any) -> None:
    view = grid(training_of(images(900)))
    view.count_urls()
    for y in range(0, 34_000, 700):
        view.scroll(y)
        view.page.wait_for_timeout(40)
    view.until(lambda: 250 < view.js("() => window.live") <= 300)
    view.js("() => window.end()")
    assert view.js("() => window.live") <= 30  # what was made before it was counted
    assert view.js("() => window.model.handlers()") == 0
    assert view.page.locator(".nbt").count() == 0


def test_typing_a_caption_and_enter_saves_it_and_goes_on(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, ""), image(3, "a dog")]))
    view.caption(0).click()
    view.editor.fill("a red fox")
    view.press("Shift+Enter")
    view.type("at dawn", "Enter")
    view.until(lambda: view.images[0].caption == "a red fox\nat dawn")
    assert view.editor.get_attribute("aria-label") == "Caption of picture-2.png"
    assert view.editor.input_value() == ""
    view.type("a cat")
    view.tile(2).locator(".nbt-pic").click()  # leaving saves, too
    view.until(lambda: view.images[1].caption == "a cat")
    assert view.editor.count() == 0
    view.button("Undo").click()
    view.until(lambda: view.images[1].caption == "")
    view.caption(1).get_by_text("no caption").wait_for()


def test_escape_leaves_the_caption_as_it_was(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox")]))
    view.tile(0).locator(".nbt-pic").click()
    view.press("F2")
    view.type(" that is gone", "Escape")
    assert view.editor.count() == 0
    assert view.caption(0).inner_text() == "a fox"
    assert view.js("() => document.activeElement.className").startswith("nbt-tile")
    assert view.sent("edit") == [] and view.training.state.draft.revision == 1


def test_a_refused_caption_shows_why_and_offers_what_was_typed(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox"), image(2, "b")]))
    view.caption(0).click()
    # Meanwhile somebody else writes the same caption: what is typed here cannot be taken.
    view.training.edit(
        [
            {
                "op": "set",
                "table": "images",
                "row": "img_1",
                "column": "caption",
                "value": "theirs",
            }
        ]
    )
    view.editor.fill("mine")
    view.press("Enter")
    view.until(lambda: view.tile(0).get_attribute("aria-invalid") == "true")
    view.press("Escape")
    assert view.images[0].caption == "theirs"
    assert view.caption(0).inner_text() == "theirs"
    assert "changed in the meantime" in view.tile(0).locator(".nbt-reason").inner_text()
    assert view.tile(0).locator(".nbt-dot").get_attribute("data-state") == "refused"
    view.tile(0).locator(".nbt-reason").click()
    assert view.editor.input_value() == "mine"
    view.press("Enter")
    view.until(lambda: view.images[0].caption == "mine")
    assert view.tile(0).get_attribute("aria-invalid") is None


def test_two_quick_edits_of_one_caption_both_stand(grid: Any) -> None:
    training = training_of([image(1, "a fox")])
    view = grid(training)
    training.runner.hold = True
    for text in ("one", "two"):
        view.caption(0).click()
        view.editor.fill(text)
        view.press("Enter", "Escape")
    assert view.caption(0).inner_text() == "two"
    assert view.tile(0).locator(".nbt-dot").get_attribute("data-state") == "sending"
    view.says("Saving 2…")
    training.runner.hold = False
    training.runner.release()
    view.tell()
    view.until(lambda: view.images[0].caption == "two")
    assert view.tile(0).get_attribute("aria-invalid") is None


def test_a_lost_reply_is_asked_for_again_and_the_edit_done_once(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox")]))
    view.caption(0).get_by_text("a fox").wait_for()
    view.page.wait_for_timeout(200)
    view.js("() => { window.model.lost = 2 }")  # to what is typed, and to the edit
    view.caption(0).click()
    view.editor.fill("a red fox")
    view.press("Enter")
    view.says("queued until the running cell ends")
    view.until(lambda: view.tile(0).locator(".nbt-dot").get_attribute("data-state") == "kept")
    first, second = view.sent("edit")
    assert first == second and view.training.edits == 1
    assert view.images[0].caption == "a red fox"


def test_a_summary_that_got_lost_is_asked_for(grid: Any) -> None:
    view = grid(training_of([image(1, "a fox", saved=False)]))
    view.training.change(sync=SyncState(phase="sending"))
    view.tell()
    view.says("Saving 1…")
    view.training.change(sync=SyncState())
    view._states.clear()  # never arrives
    view.says("1 change saved locally")


def test_keys_move_select_and_remove(grid: Any) -> None:
    view = grid(training_of(images(20)))
    view.tile(0).locator(".nbt-pic").click()
    view.until(lambda: view.widget.selected == ["img_0"])
    assert view.page.locator("[role=gridcell][tabindex='0']").count() == 1
    view.press("ArrowRight", "ArrowDown", "Space")
    view.until(lambda: view.widget.selected == ["img_0", "img_7"])
    view.press("Shift+ArrowRight")
    view.until(lambda: view.widget.selected == ["img_7", "img_8"])
    view.tile(2).locator(".nbt-pic").click(modifiers=["Control"])
    view.until(lambda: view.widget.selected == ["img_7", "img_8", "img_2"])
    view.tile(4).locator(".nbt-pic").click(modifiers=["Shift"])
    view.until(lambda: view.widget.selected == ["img_2", "img_3", "img_4"])
    view.page.get_by_text("3 selected", exact=True).first.wait_for()
    view.press("Delete")
    view.until(lambda: len(view.images) == 17)
    assert view.widget.selected == []
    view.press("Control+z")
    view.until(lambda: view.tiles() == 20)
    view.press("Control+a")
    view.until(lambda: len(view.widget.selected) == 20)
    view.press("Escape")
    view.until(lambda: view.widget.selected == [])
    view.press("End")
    assert "picture-19" in view.js("() => document.activeElement.textContent")


def test_it_is_seen_how_many_images_are_sent(grid: Any) -> None:
    view = grid(training_of(images(12)))
    share = """() => { const foot = document.querySelector('.nbt-foot');
        return parseFloat(getComputedStyle(foot, '::before').width) / foot.clientWidth }"""
    view.until(lambda: view.js(share) == 0)
    view.training.change(sync=SyncState(phase="sending", done=3, total=12))
    view.tell()
    view.says("Uploading images: 3 of 12")
    assert 0.24 < view.js(share) < 0.26
    view.training.change(sync=SyncState())
    view.tell()
    view.until(lambda: view.js(share) == 0)


def test_the_focus_stays_in_the_grid_when_its_image_goes(grid: Any) -> None:
    view = grid(training_of(images(3)))
    inside = "() => document.activeElement.closest('.nbt-tile:not([hidden])') !== null"
    view.tile(2).locator(".nbt-pic").click()
    view.press("Delete")
    view.until(lambda: view.tiles() == 2)
    assert view.js(inside)
    view.press("Space", "Delete")
    view.until(lambda: len(view.images) == 1)
    view.press("Control+z")
    view.until(lambda: view.tiles() == 2)
    view.press("Control+a", "Delete")
    view.says("No images yet")
    assert view.js("() => document.activeElement.textContent") == "Undo"


def test_a_selection_made_in_python_shows(grid: Any) -> None:
    view = grid(training_of(images(4)))
    view.tile(0).wait_for()
    view.widget.selected = ["img_1", "img_3"]
    view.tell()
    view.until(lambda: view.page.locator("[aria-selected=true]").count() == 2)


def test_no_key_reaches_the_notebook(grid: Any) -> None:
    view = grid(training_of(images(3)))
    view.count_keys()
    view.tile(0).locator(".nbt-pic").click()
    view.press("d", "d", "a", "F2")
    view.type("dd")
    assert view.keys() == []
    assert view.unguarded() == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_captions_stay_text(grid: Any, text: str) -> None:
    plain = training_of([image(1, "fine", automatic_caption="fine", name="fine.png")])
    view = grid(plain)
    view.caption(0).get_by_text("fine").wait_for()
    expected = view.js("() => document.querySelectorAll('#here *').length")
    rows = [image(1, text, automatic_caption=text, name=text)]
    training = training_of(rows, name=text)
    view = grid(training)
    view.caption(0).get_by_text(text, exact=True).wait_for()
    assert view.tile(0).locator(".nbt-name").inner_text() == text
    view.page.wait_for_timeout(150)
    found = view.js("() => document.querySelectorAll('#here *').length")
    assert abs(found - expected) <= 1  # a file's ending has an element of its own
    assert view.js("() => window.pwned") is None
    assert view.page.locator("#here script, #here iframe, #here a").count() == 0
    assert view.page.locator("#here select").count() == 1  # the order's


def test_a_name_cannot_turn_its_own_letters_round(grid: Any) -> None:
    view = grid(training_of([image(1, "x", name="fox\u202egnp.exe")]))
    view.tile(0).get_by_text("fox\\u202egnp.exe").wait_for()


def test_search_and_attention_narrow_the_grid(grid: Any) -> None:
    rows = [image(1, "a fox"), image(2, "", automatic_caption="a wolf"), image(3, "ein Füchslein")]
    view = grid(training_of(rows))
    view.button("1 needs attention").click()
    view.until(lambda: view.tiles() == 1)
    assert view.tile(0).locator(".nbt-ghost").inner_text() == "a wolf"
    assert view.tile(0).locator(".nbt-badge").get_by_text("no caption", exact=True).is_visible()
    # Fixing it must not pull it away from under the hands.
    view.caption(0).click()
    view.editor.fill("a wolf at night")
    view.press("Enter")
    view.until(lambda: view.images[1].caption == "a wolf at night")
    view.until(lambda: view.tile(0).locator(".nbt-dot").get_attribute("data-state") == "kept")
    view.page.wait_for_timeout(200)
    assert view.caption(0).inner_text() == "a wolf at night"
    view.page.locator(".nbt-chip").click()
    view.page.get_by_role("searchbox").fill("FÜCHS")
    view.until(lambda: "picture-3" in view.tile(0).inner_text())
    assert view.tiles() == 1
    view.page.get_by_role("searchbox").fill("nothing like it")
    view.says("No images match.")


def test_the_kernel_sorts_and_what_is_worked_on_stays_where_it_is(grid: Any) -> None:
    rows = [
        image(1, "a fox", name="img10.png"),
        image(2, "", name="img2.png"),
        image(3, "", name="img1.png"),
    ]
    view = grid(training_of(rows))
    order = view.page.get_by_role("combobox", name="Order")
    order.select_option("By name")
    view.until(lambda: view.names() == ["img1.png", "img2.png", "img10.png"])
    order.select_option("No caption first")
    view.until(lambda: view.names() == ["img2.png", "img1.png", "img10.png"])
    view.caption(0).click()
    view.editor.fill("a wolf")
    view.press("Enter")  # and on to the next without a caption
    view.until(lambda: view.images[1].caption == "a wolf")
    view.page.wait_for_timeout(300)
    assert view.names() == ["img2.png", "img1.png", "img10.png"]
    assert view.editor.get_attribute("aria-label") == "Caption of img1.png"
    view.press("Escape")
    order.select_option("As added")
    order.select_option("No caption first")
    view.until(lambda: view.names() == ["img1.png", "img10.png", "img2.png"])


def test_ten_thousand_are_searched_for_the_price_of_a_screenful(grid: Any) -> None:
    view = grid(training_of(images(10_000)))
    view.says("10,000 images · 10,000 captioned")
    view.page.get_by_role("searchbox").fill("NUMBER 77")
    view.says("280 of 10,000 images")
    assert view.names()[:3] == ["picture-77.png", "picture-177.png", "picture-277.png"]
    heard = view.js("() => JSON.stringify(window.model.heard).length")
    assert heard < 60_000 and len(view.sent("rows")) <= 3
    view.page.get_by_role("searchbox").fill("")
    view.says("10,000 images · 10,000 captioned")
    view.until(lambda: view.names()[0] == "picture-0.png")


def test_the_first_paint_is_a_few_small_messages(grid: Any) -> None:
    view = grid(training_of(images(10_000)))
    view.until(lambda: view.page.locator(".nbt-pic[data-image=shown]:visible").count() >= 18)
    first = view.js("() => window.model.sent.slice(0, 2).map((m) => m.kind)")
    assert first == ["rows", "thumbnails"] and len(view.sent("thumbnails")[0]["ids"]) <= 24
    assert len(view.js("() => JSON.stringify(window.model.heard[0])")) < 20_000


def test_a_range_reaches_over_rows_that_were_never_loaded(grid: Any) -> None:
    view = grid(training_of(images(3000)))
    view.tile(4).locator(".nbt-pic").click()
    view.press("Shift+End")
    view.until(lambda: len(view.widget.selected) == 2996)
    assert view.widget.selected[0] == "img_4" and view.widget.selected[-1] == "img_2999"
    view.page.get_by_text("2,996 selected").first.wait_for()
    view.button("Select all 3,000").click()
    view.until(lambda: len(view.widget.selected) == 3000)
    assert len(view.sent("rows")) < 8


def test_the_tiles_come_in_three_sizes_and_the_view_remembers(grid: Any) -> None:
    view = grid(training_of(images(200)))
    view.caption(0).get_by_text("number 0").wait_for()
    columns = view.page.locator("[role=grid]")
    assert columns.get_attribute("aria-colcount") == "6"
    view.scroll(2_000)
    view.page.wait_for_timeout(100)
    first = view.page.locator(".nbt-tile:visible .nbt-name").first.inner_text()
    view.button("small tiles").click()
    view.until(lambda: view.widget.density == "small")
    assert columns.get_attribute("aria-colcount") == "9"
    assert first in view.names()  # what was looked at still is
    view.widget.density = "large"
    view.tell()
    view.until(lambda: columns.get_attribute("aria-colcount") == "4")
    assert view.button("large tiles", pressed=True).count() == 1
    assert view.tile(0).locator(".nbt-size").inner_text() == "1024 × 768 · 124 kB"
    view.until(lambda: view.sent("thumbnails")[-1]["px"] == 256)
    assert view.sent("thumbnails")[0]["px"] == 192


def test_the_mean_colour_stands_there_until_the_image_does(grid: Any) -> None:
    training = training_of([image(1, "a"), image(2, "b")])
    for row, colour in zip(training.state.draft.images, ("#336699", "url(x)"), strict=True):
        training.small.colours.put(str(row.content_hash), colour)
    training.runner.hold = True
    view = grid(training)
    view.caption(0).get_by_text("a", exact=True).wait_for()
    shade = "(n) => getComputedStyle(document.querySelectorAll('.nbt-pic')[n]).backgroundColor"
    view.until(lambda: view.js(shade, 0) == "rgb(51, 102, 153)")
    assert view.js(shade, 1) == "rgb(247, 248, 250)"  # no colour: nothing is taken as one
    training.runner.release()
    view.tell()
    view.until(lambda: view.js(shade, 0) == "rgb(255, 255, 255)")


def test_while_it_trains_nothing_can_be_edited_and_a_word_says_so(grid: Any) -> None:
    view = grid(training_of(images(2), status="training"))
    view.says("Training is running.")
    view.caption(0).click()
    assert view.editor.count() == 0
    view.tile(0).locator(".nbt-pic").click()
    view.press("Delete")
    assert view.button("Remove").is_disabled()
    assert view.sent("edit") == []


def test_an_empty_training_says_how_to_begin(grid: Any) -> None:
    view = grid(training_of())
    view.says("No images yet")
    view.training.change(draft=training_of(images(2)).state.draft)
    view.tell()
    view.caption(1).get_by_text("number 1").wait_for()
    assert not view.page.get_by_text("No images yet").is_visible()


def test_an_image_removed_under_the_editor_does_not_take_the_words_with_it(
    grid: Any,
) -> None:
    view = grid(training_of([image(1, "a"), image(2, "b")]))
    view.caption(1).click()
    view.editor.fill("precious words")
    view.training.edit([{"op": "delete", "table": "images", "row": "img_2"}])
    view.tell()
    view.page.locator(".nbt-note").get_by_text("precious words").wait_for()
    assert view.editor.count() == 0


def test_the_editor_stays_while_rows_change_and_the_window_narrows(grid: Any) -> None:
    view = grid(training_of(images(30)))
    view.caption(7).click()
    view.editor.fill("half a sen")
    view.training.sending()
    view.tell()
    view.page.set_viewport_size({"width": 420, "height": 800})
    view.page.wait_for_timeout(200)
    view.type("tence")
    assert view.editor.input_value() == "half a sentence"
    assert view.sent("edit") == []
    view.scroll(100000)
    view.page.wait_for_timeout(100)
    view.press("Escape")


@pytest.mark.parametrize(
    "how", ["lab-light", "lab-dark", "vscode-dark", "system-dark", "lab-light-system-dark"]
)
def test_the_theme_is_the_hosts(grid: Any, how: str) -> None:
    system = "system-dark" in how
    view = grid(training_of(images(2)), dark=system)
    if how.startswith("lab"):
        view.js(
            "(light) => document.body.setAttribute('data-jp-theme-light', light)",
            str("lab-light" in how).lower(),
        )
    if how == "vscode-dark":
        view.js("() => document.body.classList.add('vscode-dark')")
    background = view.js("() => getComputedStyle(document.querySelector('.nbt')).backgroundColor")
    light = how.startswith("lab-light")
    assert background == ("rgb(255, 255, 255)" if light else "rgb(20, 24, 30)")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 380])
def test_nothing_serious_for_axe_and_nothing_sticks_out(grid: Any, dark: bool, width: int) -> None:
    rows = [
        image(1, "a fox"),
        image(2, "", automatic_caption="a wolf"),
        image(3, "x", refusal="no"),
    ]
    training = training_of([*rows, *images(1)], [pair(1, 1, 2)])
    view = grid(training, width=width, dark=dark)
    view.page.locator(".nbt-pic img:visible").first.wait_for()
    view.tile(1).locator(".nbt-pic").click()
    assert view.axe() == []
    view.caption(0).click()
    assert view.axe() == []
    wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    assert view.js(wide)
    assert view.tile(0).locator("img").get_attribute("alt") == "picture-1.png"
    view = grid(training_of(), width=width, dark=dark)
    assert view.axe() == []


ORDER_HELD = """() => {
    const { model } = window, { send } = model;
    window.late = [];
    model.send = async (message) => {
        if (message.kind === "order") await new Promise((go) => window.late.push(go));
        return send.call(model, message);
    };
}"""
"""Hold back what is asked about rows that were never loaded, until `late` is called."""


@pytest.mark.parametrize("how", ["a range", "all"])
@pytest.mark.parametrize("then", ["click", "Escape", "range"])
def test_a_late_answer_does_not_undo_what_was_picked_since(grid: Any, how: str, then: str) -> None:
    view = grid(training_of(images(3000)))
    view.caption(0).get_by_text("number 0").wait_for()
    view.js(ORDER_HELD)
    view.tile(4).locator(".nbt-pic").click()
    view.until(lambda: view.widget.selected == ["img_4"])
    view.press("Shift+End" if how == "a range" else "Control+a")
    view.until(lambda: view.js("() => window.late.length") == 1)
    if then == "Escape":
        view.press("Escape")
        wanted = []
    else:
        view.press("Home")  # which is where a range now goes from
        view.tile(2).get_by_text("picture-2").wait_for()
        shift: list[Any] = ["Shift"] if then == "range" else []
        view.tile(2).locator(".nbt-pic").click(modifiers=shift)
        wanted = ["img_0", "img_1", "img_2"] if then == "range" else ["img_2"]
    view.until(lambda: view.widget.selected == wanted)
    view.js("() => window.late.shift()()")
    view.until(lambda: any("ids" in m for m in view.js("() => window.model.heard")))
    view.page.wait_for_timeout(100)
    assert view.widget.selected == wanted
    assert view.page.locator("[aria-selected=true]").count() == len(wanted)
