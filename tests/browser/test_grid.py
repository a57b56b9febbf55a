"""The image grid in a real browser, over a fake model; the kernel's half is the real one."""

from __future__ import annotations

from typing import Any

import pytest
from browser.gridview import SCROLL, caption, editor, names, tile
from browser.harness import browser, shown, until
from playwright.sync_api import Browser
from trainings import image, images, pair, training_of

from phoenix_nbtrain.session.state import SyncState
from phoenix_nbtrain.widgets.grid import ImageGrid

__all__ = ["browser"]

HOSTILE = (
    "<img src=x onerror=window.pwned=1>.png",
    "<script>top.pwned=1</script>",
    "<select><iframe></select><img src=x: onerror=alert(1)>",
    '<button data-commandlinker-command="x">',
    "[x](javascript:alert(1))",
)


def test_five_thousand_images_are_a_few_dozen_tiles(browser: Browser) -> None:
    training = training_of(images(5000))
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).get_by_text("number 0").wait_for()
        count = "() => document.querySelectorAll('.nbt-tile').length"
        assert view.js(count) <= 60
        for y in (5_000, 60_000, 120_000, 1_000):
            view.js(SCROLL, y)
            view.page.wait_for_timeout(60)
        view.js(SCROLL, 10_000_000)
        view.page.get_by_text("a thing, number 4999").wait_for()
        view.page.wait_for_timeout(300)
        assert view.js(count) <= 60
        assert view.js("() => document.querySelectorAll('#here *').length") < 900
        assert view.page.locator("[role=grid]").get_attribute("aria-rowcount") == "834"
        # Thumbnails: only what was in view, one row more at each side, never all.
        assert len(training.small.asked) < 400
        assert len(view.sent("rows")) < 12


def test_pictures_scrolled_past_are_not_made(browser: Browser) -> None:
    training = training_of(images(5000))
    training.runner.hold = True
    with shown(browser, ImageGrid(training)) as view:
        asked: list[str] = []
        for n in range(5):
            left = len(asked)
            view.js(SCROLL, 20_000 * n)
            until(view, lambda left=left: len(view.sent("thumbnails")) > left)  # type: ignore[misc]
            view.page.wait_for_timeout(250)
            asked = [m["id"] for m in view.sent("thumbnails")]
        assert {m["of"] for m in view.sent("cancel")} == set(asked[:left])

        def all_there() -> bool:
            training.runner.release()
            view.tell()
            return view.page.locator(".nbt-pic:visible img[hidden]").count() == 0

        until(view, all_there)
        assert training.small.made <= 60
        answered = [m["id"] for m in view.js("() => window.model.heard")]
        assert [answered.count(i) for i in asked] == [1] * len(asked)
        view.js(SCROLL, 20_000)  # what was never made is asked for again where it is looked at
        view.page.wait_for_timeout(100)
        until(view, all_there)
        assert training.small.made <= 120


def test_a_fling_past_thousands_asks_for_little(browser: Browser) -> None:
    training = training_of(images(10_000))
    training.runner.hold = True
    with shown(browser, ImageGrid(training)) as view:
        until(view, lambda: len(view.sent("thumbnails")) == 1)
        view.js(
            """async () => { const grid = document.querySelector('.nbt-scroll');
            for (let i = 1; i < 60; i += 1) {
              grid.scrollTop = i * 3000; await new Promise(requestAnimationFrame);
            } }"""
        )
        view.page.wait_for_timeout(300)
        assert len(view.sent("thumbnails")) <= 12 and len(view.sent("cancel")) <= 12


def test_pictures_that_are_left_behind_are_let_go(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of(images(900)))) as view:
        view.js(
            """() => { window.live = 0;
            const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
            URL.createObjectURL = (b) => (window.live += 1, make.call(URL, b));
            URL.revokeObjectURL = (u) => (window.live -= 1, drop.call(URL, u)); }"""
        )
        for y in range(0, 34_000, 700):
            view.js(SCROLL, y)
            view.page.wait_for_timeout(40)
        until(view, lambda: 250 < view.js("() => window.live") <= 300)
        view.js("() => window.end()")
        assert view.js("() => window.live") <= 30  # what was made before it was counted
        assert view.js("() => window.model.handlers()") == 0
        assert view.page.locator(".nbt").count() == 0


def test_typing_a_caption_and_enter_saves_it_and_goes_on(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, ""), image(3, "a dog")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        editor(view).fill("a red fox")
        view.page.keyboard.press("Shift+Enter")
        view.page.keyboard.type("at dawn")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[0].caption == "a red fox\nat dawn")
        assert editor(view).get_attribute("aria-label") == "Caption of picture-2.png"
        assert editor(view).input_value() == ""
        view.page.keyboard.type("a cat")
        tile(view, 2).locator(".nbt-pic").click()  # leaving saves, too
        until(view, lambda: training.state.draft.images[1].caption == "a cat")
        assert editor(view).count() == 0
        view.page.get_by_role("button", name="Undo").click()
        until(view, lambda: training.state.draft.images[1].caption == "")
        caption(view, 1).get_by_text("no caption").wait_for()


def test_escape_leaves_the_caption_as_it_was(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).locator(".nbt-pic").click()
        view.page.keyboard.press("F2")
        view.page.keyboard.type(" that is gone")
        view.page.keyboard.press("Escape")
        assert editor(view).count() == 0
        assert caption(view, 0).inner_text() == "a fox"
        assert view.js("() => document.activeElement.className").startswith("nbt-tile")
        assert view.sent("edit") == [] and training.state.draft.revision == 1


def test_a_refused_caption_shows_why_and_offers_what_was_typed(browser: Browser) -> None:
    training = training_of([image(1, "a fox"), image(2, "b")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).click()
        # Meanwhile somebody else writes the same caption: what is typed here cannot be taken.
        training.edit(
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
        editor(view).fill("mine")
        view.page.keyboard.press("Enter")
        until(view, lambda: tile(view, 0).get_attribute("aria-invalid") == "true")
        view.page.keyboard.press("Escape")
        assert training.state.draft.images[0].caption == "theirs"
        assert caption(view, 0).inner_text() == "theirs"
        assert "changed meanwhile" in tile(view, 0).locator(".nbt-reason").inner_text()
        assert tile(view, 0).locator(".nbt-dot").get_attribute("data-state") == "refused"
        tile(view, 0).locator(".nbt-reason").click()
        assert editor(view).input_value() == "mine"
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[0].caption == "mine")
        assert tile(view, 0).get_attribute("aria-invalid") is None


def test_two_quick_edits_of_one_caption_both_stand(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        training.runner.hold = True
        for text in ("one", "two"):
            caption(view, 0).click()
            editor(view).fill(text)
            view.page.keyboard.press("Enter")
            view.page.keyboard.press("Escape")
        assert caption(view, 0).inner_text() == "two"
        assert tile(view, 0).locator(".nbt-dot").get_attribute("data-state") == "sending"
        view.page.get_by_text("Saving 2…").wait_for()
        training.runner.hold = False
        training.runner.release()
        view.tell()
        until(view, lambda: training.state.draft.images[0].caption == "two")
        assert tile(view, 0).get_attribute("aria-invalid") is None


def test_a_lost_reply_is_asked_for_again_and_the_edit_done_once(browser: Browser) -> None:
    training = training_of([image(1, "a fox")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).get_by_text("a fox").wait_for()
        view.page.wait_for_timeout(200)
        view.js("() => { window.model.lost = 2 }")  # to what is typed, and to the edit
        caption(view, 0).click()
        editor(view).fill("a red fox")
        view.page.keyboard.press("Enter")
        view.page.get_by_text("queued until the running cell ends").wait_for()
        until(view, lambda: tile(view, 0).locator(".nbt-dot").get_attribute("data-state") == "kept")
        first, second = view.sent("edit")
        assert first == second and training.edits == 1
        assert training.state.draft.images[0].caption == "a red fox"


def test_a_summary_that_got_lost_is_asked_for(browser: Browser) -> None:
    training = training_of([image(1, "a fox", saved=False)])
    with shown(browser, ImageGrid(training)) as view:
        training.change(sync=SyncState(phase="sending"))
        view.tell()
        view.page.get_by_text("Saving 1…").wait_for()
        training.change(sync=SyncState())
        view._states.clear()  # never arrives
        view.page.get_by_text("1 change kept on this computer").wait_for()


def test_keys_move_select_and_remove(browser: Browser) -> None:
    training = training_of(images(20))
    grid = ImageGrid(training)
    with shown(browser, grid) as view:
        tile(view, 0).locator(".nbt-pic").click()
        until(view, lambda: grid.selected == ["img_0"])
        assert view.page.locator("[role=gridcell][tabindex='0']").count() == 1
        view.page.keyboard.press("ArrowRight")
        view.page.keyboard.press("ArrowDown")
        view.page.keyboard.press("Space")
        until(view, lambda: grid.selected == ["img_0", "img_7"])
        view.page.keyboard.press("Shift+ArrowRight")
        until(view, lambda: grid.selected == ["img_7", "img_8"])
        tile(view, 2).locator(".nbt-pic").click(modifiers=["Control"])
        until(view, lambda: grid.selected == ["img_7", "img_8", "img_2"])
        tile(view, 4).locator(".nbt-pic").click(modifiers=["Shift"])
        until(view, lambda: grid.selected == ["img_2", "img_3", "img_4"])
        view.page.get_by_text("3 selected", exact=True).first.wait_for()
        view.page.keyboard.press("Delete")
        until(view, lambda: len(training.state.draft.images) == 17)
        assert grid.selected == []
        view.page.keyboard.press("Control+z")
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 20)
        view.page.keyboard.press("Control+a")
        until(view, lambda: len(grid.selected) == 20)
        view.page.keyboard.press("Escape")
        until(view, lambda: grid.selected == [])
        view.page.keyboard.press("End")
        assert "picture-19" in view.js("() => document.activeElement.textContent")


def test_it_is_seen_how_many_pictures_are_sent(browser: Browser) -> None:
    training = training_of(images(12))
    with shown(browser, ImageGrid(training)) as view:
        share = """() => { const foot = document.querySelector('.nbt-foot');
            return parseFloat(getComputedStyle(foot, '::before').width) / foot.clientWidth }"""
        until(view, lambda: view.js(share) == 0)
        training.change(sync=SyncState(phase="sending", done=3, total=12))
        view.tell()
        view.page.get_by_text("Sending pictures: 3 of 12").wait_for()
        assert 0.24 < view.js(share) < 0.26
        training.change(sync=SyncState())
        view.tell()
        until(view, lambda: view.js(share) == 0)


def test_the_focus_stays_in_the_grid_when_its_image_goes(browser: Browser) -> None:
    training = training_of(images(3))
    with shown(browser, ImageGrid(training)) as view:
        inside = "() => document.activeElement.closest('.nbt-tile:not([hidden])') !== null"
        tile(view, 2).locator(".nbt-pic").click()
        view.page.keyboard.press("Delete")
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 2)
        assert view.js(inside)
        view.page.keyboard.press("Space")
        view.page.keyboard.press("Delete")
        until(view, lambda: len(training.state.draft.images) == 1)
        view.page.keyboard.press("Control+z")
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 2)
        view.page.keyboard.press("Control+a")
        view.page.keyboard.press("Delete")
        view.page.get_by_text("No images yet").wait_for()
        assert view.js("() => document.activeElement.textContent") == "Undo"


def test_a_selection_made_in_python_shows(browser: Browser) -> None:
    grid = ImageGrid(training_of(images(4)))
    with shown(browser, grid) as view:
        tile(view, 0).wait_for()
        grid.selected = ["img_1", "img_3"]
        view.tell()
        until(view, lambda: view.page.locator("[aria-selected=true]").count() == 2)


def test_no_key_reaches_the_notebook(browser: Browser) -> None:
    with shown(browser, ImageGrid(training_of(images(3)))) as view:
        view.js(
            "() => { window.keys = []; document.body.addEventListener('keydown', (e) => keys.push(e.key)) }"
        )
        tile(view, 0).locator(".nbt-pic").click()
        for key in ("d", "d", "a", "F2"):
            view.page.keyboard.press(key)
        view.page.keyboard.type("dd")
        assert view.js("() => window.keys") == []
        missing = view.js(
            """() => [...document.querySelectorAll('#here button, #here [tabindex]')]
            .filter((n) => !n.hasAttribute('data-lm-suppress-shortcuts')).map((n) => n.outerHTML)"""
        )
        assert missing == []


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_captions_stay_text(browser: Browser, text: str) -> None:
    plain = training_of([image(1, "fine", automatic_caption="fine", name="fine.png")])
    with shown(browser, ImageGrid(plain)) as view:
        caption(view, 0).get_by_text("fine").wait_for()
        expected = view.js("() => document.querySelectorAll('#here *').length")
    rows = [image(1, text, automatic_caption=text, name=text)]
    training = training_of(rows, name=text)
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).get_by_text(text, exact=True).wait_for()
        assert tile(view, 0).locator(".nbt-name").inner_text() == text
        view.page.wait_for_timeout(150)
        found = view.js("() => document.querySelectorAll('#here *').length")
        assert abs(found - expected) <= 1  # a file's ending has an element of its own
        assert view.js("() => window.pwned") is None
        assert view.page.locator("#here script, #here iframe, #here a").count() == 0
        assert view.page.locator("#here select").count() == 1  # the order's


def test_a_name_cannot_turn_its_own_letters_round(browser: Browser) -> None:
    training = training_of([image(1, "x", name="fox\u202egnp.exe")])
    with shown(browser, ImageGrid(training)) as view:
        tile(view, 0).get_by_text("fox\\u202egnp.exe").wait_for()


def test_search_and_attention_narrow_the_grid(browser: Browser) -> None:
    rows = [image(1, "a fox"), image(2, "", automatic_caption="a wolf"), image(3, "ein Füchslein")]
    training = training_of(rows)
    with shown(browser, ImageGrid(training)) as view:
        view.page.get_by_role("button", name="1 needs attention").click()
        until(view, lambda: view.page.locator(".nbt-tile:visible").count() == 1)
        assert tile(view, 0).locator(".nbt-ghost").inner_text() == "a wolf"
        assert tile(view, 0).get_by_text("caption", exact=True).is_visible()
        # Fixing it must not pull it away from under the hands.
        caption(view, 0).click()
        editor(view).fill("a wolf at night")
        view.page.keyboard.press("Enter")
        until(view, lambda: training.state.draft.images[1].caption == "a wolf at night")
        until(view, lambda: tile(view, 0).locator(".nbt-dot").get_attribute("data-state") == "kept")
        view.page.wait_for_timeout(200)
        assert caption(view, 0).inner_text() == "a wolf at night"
        view.page.locator(".nbt-chip").click()
        view.page.get_by_role("searchbox").fill("FÜCHS")
        until(view, lambda: "picture-3" in tile(view, 0).inner_text())
        assert view.page.locator(".nbt-tile:visible").count() == 1
        view.page.get_by_role("searchbox").fill("nothing like it")
        view.page.get_by_text("No image fits.").wait_for()


def test_the_kernel_sorts_and_what_is_worked_on_stays_where_it_is(browser: Browser) -> None:
    rows = [
        image(1, "a fox", name="img10.png"),
        image(2, "", name="img2.png"),
        image(3, "", name="img1.png"),
    ]
    training = training_of(rows)
    with shown(browser, ImageGrid(training)) as view:
        order = view.page.get_by_role("combobox", name="Order")
        order.select_option("By name")
        until(view, lambda: names(view) == ["img1.png", "img2.png", "img10.png"])
        order.select_option("No caption first")
        until(view, lambda: names(view) == ["img2.png", "img1.png", "img10.png"])
        caption(view, 0).click()
        editor(view).fill("a wolf")
        view.page.keyboard.press("Enter")  # and on to the next without a caption
        until(view, lambda: training.state.draft.images[1].caption == "a wolf")
        view.page.wait_for_timeout(300)
        assert names(view) == ["img2.png", "img1.png", "img10.png"]
        assert editor(view).get_attribute("aria-label") == "Caption of img1.png"
        view.page.keyboard.press("Escape")
        order.select_option("As added")
        order.select_option("No caption first")
        until(view, lambda: names(view) == ["img1.png", "img10.png", "img2.png"])


def test_ten_thousand_are_searched_for_the_price_of_a_screenful(browser: Browser) -> None:
    training = training_of(images(10_000))
    with shown(browser, ImageGrid(training)) as view:
        view.page.get_by_text("10,000 images · 10,000 captioned").wait_for()
        view.page.get_by_role("searchbox").fill("NUMBER 77")
        view.page.get_by_text("280 of 10,000 images").wait_for()
        assert names(view)[:3] == ["picture-77.png", "picture-177.png", "picture-277.png"]
        heard = view.js("() => JSON.stringify(window.model.heard).length")
        assert heard < 60_000 and len(view.sent("rows")) <= 3
        view.page.get_by_role("searchbox").fill("")
        view.page.get_by_text("10,000 images · 10,000 captioned").wait_for()
        until(view, lambda: names(view)[0] == "picture-0.png")


def test_the_first_paint_is_a_few_small_messages(browser: Browser) -> None:
    training = training_of(images(10_000))
    with shown(browser, ImageGrid(training)) as view:
        until(view, lambda: view.page.locator(".nbt-pic[data-picture=shown]:visible").count() >= 18)
        first = view.js("() => window.model.sent.slice(0, 2).map((m) => m.kind)")
        assert first == ["rows", "thumbnails"] and len(view.sent("thumbnails")[0]["ids"]) <= 24
        assert len(view.js("() => JSON.stringify(window.model.heard[0])")) < 20_000


def test_a_range_reaches_over_rows_that_were_never_loaded(browser: Browser) -> None:
    grid = ImageGrid(training_of(images(3000)))
    with shown(browser, grid) as view:
        tile(view, 4).locator(".nbt-pic").click()
        view.page.keyboard.press("Shift+End")
        until(view, lambda: len(grid.selected) == 2996)
        assert grid.selected[0] == "img_4" and grid.selected[-1] == "img_2999"
        view.page.get_by_text("2,996 selected").first.wait_for()
        view.page.get_by_role("button", name="Select all 3,000").click()
        until(view, lambda: len(grid.selected) == 3000)
        assert len(view.sent("rows")) < 8


def test_the_tiles_come_in_three_sizes_and_the_view_remembers(browser: Browser) -> None:
    grid = ImageGrid(training_of(images(200)))
    with shown(browser, grid) as view:
        caption(view, 0).get_by_text("number 0").wait_for()
        columns = view.page.locator("[role=grid]")
        assert columns.get_attribute("aria-colcount") == "6"
        view.js(SCROLL, 2_000)
        view.page.wait_for_timeout(100)
        first = view.page.locator(".nbt-tile:visible .nbt-name").first.inner_text()
        view.page.get_by_role("button", name="small tiles").click()
        until(view, lambda: grid.density == "small")
        assert columns.get_attribute("aria-colcount") == "9"
        assert first in names(view)  # what was looked at still is
        grid.density = "large"
        view.tell()
        until(view, lambda: columns.get_attribute("aria-colcount") == "4")
        assert view.page.get_by_role("button", name="large tiles", pressed=True).count() == 1
        assert tile(view, 0).locator(".nbt-size").inner_text() == "1024 × 768 · 124 kB"
        until(view, lambda: view.sent("thumbnails")[-1]["px"] == 256)
        assert view.sent("thumbnails")[0]["px"] == 192


def test_the_mean_colour_stands_there_until_the_picture_does(browser: Browser) -> None:
    training = training_of([image(1, "a"), image(2, "b")])
    for row, colour in zip(training.state.draft.images, ("#336699", "url(x)"), strict=True):
        training.small.colours.put(str(row.content_hash), colour)
    training.runner.hold = True
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 0).get_by_text("a", exact=True).wait_for()
        shade = "(n) => getComputedStyle(document.querySelectorAll('.nbt-pic')[n]).backgroundColor"
        until(view, lambda: view.js(shade, 0) == "rgb(51, 102, 153)")
        assert view.js(shade, 1) == "rgb(247, 248, 250)"  # no colour: nothing is taken as one
        training.runner.release()
        view.tell()
        until(view, lambda: view.js(shade, 0) == "rgb(255, 255, 255)")


def test_while_it_trains_nothing_can_be_edited_and_a_word_says_so(browser: Browser) -> None:
    training = training_of(images(2), status="training")
    with shown(browser, ImageGrid(training)) as view:
        view.page.get_by_text("Training is running.").wait_for()
        caption(view, 0).click()
        assert editor(view).count() == 0
        tile(view, 0).locator(".nbt-pic").click()
        view.page.keyboard.press("Delete")
        assert view.page.get_by_role("button", name="Remove").is_disabled()
        assert view.sent("edit") == []


def test_an_empty_training_says_how_to_begin(browser: Browser) -> None:
    training = training_of()
    with shown(browser, ImageGrid(training)) as view:
        view.page.get_by_text("No images yet").wait_for()
        training.change(draft=training_of(images(2)).state.draft)
        view.tell()
        caption(view, 1).get_by_text("number 1").wait_for()
        assert not view.page.get_by_text("No images yet").is_visible()


def test_a_picture_removed_under_the_editor_does_not_take_the_words_with_it(
    browser: Browser,
) -> None:
    training = training_of([image(1, "a"), image(2, "b")])
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 1).click()
        editor(view).fill("precious words")
        training.edit([{"op": "delete", "table": "images", "row": "img_2"}])
        view.tell()
        view.page.locator(".nbt-note").get_by_text("precious words").wait_for()
        assert editor(view).count() == 0


def test_the_editor_stays_while_rows_change_and_the_window_narrows(browser: Browser) -> None:
    training = training_of(images(30))
    with shown(browser, ImageGrid(training)) as view:
        caption(view, 7).click()
        editor(view).fill("half a sen")
        training.sending()
        view.tell()
        view.page.set_viewport_size({"width": 420, "height": 800})
        view.page.wait_for_timeout(200)
        view.page.keyboard.type("tence")
        assert editor(view).input_value() == "half a sentence"
        assert view.sent("edit") == []
        view.js("() => { document.querySelector('.nbt-scroll').scrollTop = 100000 }")
        view.page.wait_for_timeout(100)
        view.page.keyboard.press("Escape")


@pytest.mark.parametrize(
    "how", ["lab-light", "lab-dark", "vscode-dark", "system-dark", "lab-light-system-dark"]
)
def test_the_theme_is_the_hosts(browser: Browser, how: str) -> None:
    system = "system-dark" in how
    with shown(browser, ImageGrid(training_of(images(2))), dark=system) as view:
        if how.startswith("lab"):
            view.js(
                "(light) => document.body.setAttribute('data-jp-theme-light', light)",
                str("lab-light" in how).lower(),
            )
        if how == "vscode-dark":
            view.js("() => document.body.classList.add('vscode-dark')")
        background = view.js(
            "() => getComputedStyle(document.querySelector('.nbt')).backgroundColor"
        )
        light = how.startswith("lab-light")
        assert background == ("rgb(255, 255, 255)" if light else "rgb(20, 24, 30)")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1080, 380])
def test_nothing_serious_for_axe_and_nothing_sticks_out(
    browser: Browser, dark: bool, width: int
) -> None:
    rows = [
        image(1, "a fox"),
        image(2, "", automatic_caption="a wolf"),
        image(3, "x", refusal="no"),
    ]
    training = training_of([*rows, *images(1)], [pair(1, 1, 2)])
    grid = ImageGrid(training)
    with shown(browser, grid, width=width, dark=dark) as view:
        view.page.locator(".nbt-pic img:visible").first.wait_for()
        tile(view, 1).locator(".nbt-pic").click()
        assert view.axe() == []
        caption(view, 0).click()
        assert view.axe() == []
        wide = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert view.js(wide)
        assert tile(view, 0).locator("img").get_attribute("alt") == "picture-1.png"
    with shown(browser, ImageGrid(training_of()), width=width, dark=dark) as view:
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
def test_a_late_answer_does_not_undo_what_was_picked_since(
    browser: Browser, how: str, then: str
) -> None:
    grid = ImageGrid(training_of(images(3000)))
    with shown(browser, grid) as view:
        caption(view, 0).get_by_text("number 0").wait_for()
        view.js(ORDER_HELD)
        tile(view, 4).locator(".nbt-pic").click()
        until(view, lambda: grid.selected == ["img_4"])
        view.page.keyboard.press("Shift+End" if how == "a range" else "Control+a")
        until(view, lambda: view.js("() => window.late.length") == 1)
        if then == "Escape":
            view.page.keyboard.press("Escape")
            wanted = []
        else:
            view.page.keyboard.press("Home")  # which is where a range now goes from
            tile(view, 2).get_by_text("picture-2").wait_for()
            shift: list[Any] = ["Shift"] if then == "range" else []
            tile(view, 2).locator(".nbt-pic").click(modifiers=shift)
            wanted = ["img_0", "img_1", "img_2"] if then == "range" else ["img_2"]
        until(view, lambda: grid.selected == wanted)
        view.js("() => window.late.shift()()")
        until(view, lambda: any("ids" in m for m in view.js("() => window.model.heard")))
        view.page.wait_for_timeout(100)
        assert grid.selected == wanted
        assert view.page.locator("[aria-selected=true]").count() == len(wanted)
