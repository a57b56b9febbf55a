"""Half-typed text in a real JupyterLab, however the page goes away: it is taken, or offered again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser.harness import Browser, axe, browser, shot, until
from browser.lab import Lab, Notebook, lab, pictures

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

GRID, TABLE = 1, 2
FIRST = "training.images['caption'].iloc[0]"
INSTRUCTION = "training.pairs['instruction'].iloc[0]"


def opening(name: str, folder: Path) -> str:
    return f"""
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open({name!r}, type="flux.2-dev-edit-lora")
training.add_images({folder.name!r}, recursive=True)
training.pair_up("line", "colour", instruction="colour it")
"""


def by_mouse(notebook: Notebook) -> None:
    tab = notebook.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab.lm-mod-current")
    tab.locator(".lm-TabBar-tabCloseIcon").click()


def by_command(notebook: Notebook) -> None:
    # Nobody is asked whether to save: that question would take the focus from the field.
    notebook.js(
        "panel.context.model.dirty = false; await app.commands.execute('application:close');"
    )


CLOSED: dict[str, Callable[[Notebook], None]] = {"mouse": by_mouse, "command": by_command}


def saved(notebook: Notebook) -> None:
    """Save the notebook, so that nobody is asked about it when it is closed."""
    notebook.js("await panel.context.save();")


def opened_again(notebook: Notebook) -> None:
    notebook.page.evaluate(
        "async (path) => {"
        " await window.jupyterapp.commands.execute('docmanager:open', { path }); return null }",
        notebook.name,
    )


def seen_again(notebook: Notebook) -> None:
    """Wait until the notebook is there with its views."""
    notebook.ready()
    for index in (GRID, TABLE):
        place = notebook.cell(index)
        try:
            place.locator(".nbt-tile:visible, .nbt-pair").first.wait_for(timeout=10_000)
        except Exception:  # the page could not restore it: a person runs the cell again
            notebook.run(index)
            place.locator(".nbt-tile:visible, .nbt-pair").first.wait_for()


def type_caption(notebook: Notebook, text: str) -> None:
    notebook.cell(GRID).locator(".nbt-tile:visible .nbt-cap").first.click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type(text)


def type_instruction(notebook: Notebook, text: str) -> None:
    notebook.cell(TABLE).locator(".nbt-instruction").first.click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.type(text)


def taken_or_offered(notebook: Notebook, index: int, held: str, text: str) -> str:
    """Wait until the draft holds a text, or its view offers it; return which."""
    view = notebook.cell(index)
    go_on = view.get_by_role("button", name="Continue")

    def which() -> str:
        if notebook.ask(held) == text:
            return "taken"
        return "offered" if go_on.count() else ""

    found = until(notebook, which, f"the text “{text}”")
    if found == "offered":
        go_on.click()
        field = view.locator("textarea")
        field.wait_for()
        assert field.input_value() == text
        field.press("Enter")
        until(notebook, lambda: notebook.ask(held) == text)
        notebook.page.keyboard.press("Escape")
    return str(found)


@pytest.fixture
def notebook_name(lab: Lab, pictures: Path, request: pytest.FixtureRequest) -> str:
    name = request.node.name.replace("[", "-").replace("]", "")
    cells = [opening(name, pictures), "nbt.ImageGrid(training)", "nbt.PairTable(training)"]
    lab.write(f"{name}.ipynb", cells)
    return f"{name}.ipynb"


@pytest.mark.parametrize("how", CLOSED)
def test_a_tab_that_is_closed(lab: Lab, browser: Browser, notebook_name: str, how: str) -> None:
    with lab.open(browser, notebook_name, height=2000) as notebook:
        notebook.run_all()
        notebook.cell(GRID).locator(".nbt-pic img[src]").first.wait_for()
        saved(notebook)
        for typing, index, held, text in (
            (type_caption, GRID, FIRST, "half a capt"),
            (type_instruction, TABLE, INSTRUCTION, "half an inst"),
        ):
            typing(notebook, text)
            if how == "command":
                # It may be closed at any moment; the kernel has been told a moment ago.
                notebook.page.wait_for_timeout(600)
            CLOSED[how](notebook)
            until(notebook, lambda: notebook.page.locator(".nbt").count() == 0)
            opened_again(notebook)
            seen_again(notebook)
            found = taken_or_offered(notebook, index, held, text)
            assert found == ("taken" if how == "mouse" else "offered")
            saved(notebook)


@pytest.mark.parametrize("how", ["reload", "close"])
def test_a_page_that_goes_away(lab: Lab, browser: Browser, notebook_name: str, how: str) -> None:
    with lab.open(browser, notebook_name, height=2000) as notebook:
        notebook.run_all()
        notebook.cell(GRID).locator(".nbt-pic img[src]").first.wait_for()
        saved(notebook)
        type_caption(notebook, "half a capt")
        if how == "reload":
            notebook.page.reload()
            seen_again(notebook)
            taken_or_offered(notebook, GRID, FIRST, "half a capt")
            shot(notebook, "typed-reload")
            saved(notebook)
            # As where the page goes faster than its last words: nothing reaches the kernel any more.
            notebook.page.evaluate("() => { WebSocket.prototype.send = () => undefined }")
            type_instruction(notebook, "half an inst")
            notebook.page.reload()
            seen_again(notebook)
            taken_or_offered(notebook, TABLE, INSTRUCTION, "half an inst")
            return
        notebook.page.close()
        other = notebook.page.context.new_page()
        other.set_default_timeout(20_000)
        url = f"http://127.0.0.1:{lab.port}/{lab.address}/{notebook_name}?token={lab.token}&reset"
        other.goto(url)
        anew = Notebook(other, notebook_name)
        seen_again(anew)
        taken_or_offered(anew, GRID, FIRST, "half a capt")
        shot(anew, "typed-closed")


def test_a_kernel_that_restarts_under_what_is_typed(
    lab: Lab, browser: Browser, notebook_name: str
) -> None:
    with lab.open(browser, notebook_name, height=2000) as notebook:
        notebook.run_all()
        notebook.cell(GRID).locator(".nbt-pic img[src]").first.wait_for()
        type_caption(notebook, "half a capt")
        notebook.js("await panel.sessionContext.restartKernel();")
        notebook.ready()
        type_instruction(notebook, "at no kernel")  # leaves the caption, too
        notebook.page.keyboard.press("Enter")
        notebook.run_all()
        taken_or_offered(notebook, GRID, FIRST, "half a capt")
        taken_or_offered(notebook, TABLE, INSTRUCTION, "at no kernel")


FILES = """([selector, kind]) => {
  const data = new DataTransfer();
  data.items.add(new File(["x"], "holiday.png", { type: "image/png" }));
  const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
  return !document.querySelector(selector).dispatchEvent(event);
}"""


def test_files_that_fall_on_any_view_of_the_studio(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    cells = [opening("dropped", pictures), "nbt.Studio(training)"]
    lab.write("dropped.ipynb", cells)
    with lab.open(browser, "dropped.ipynb", height=3000) as notebook:
        notebook.run_all()
        page = notebook.page
        views = ("images", "pairs", "picker", "form", "launch", "run", "studio")
        for name in views:
            selector = f".nbt.nbt-{name}"
            page.locator(selector).first.wait_for()
            for kind in ("dragover", "drop"):
                until(notebook, lambda s=selector, k=kind: page.evaluate(FILES, [s, k]), name)
        notes = page.locator(".nbt-note", has_text="Files cannot be dropped here.")
        until(notebook, lambda: notes.count() == len(views))
        assert axe(notebook, ".nbt-studio") == []
        shot(notebook, "dropped-studio")
        notes.first.get_by_role("button", name="Dismiss").click()
        assert notes.count() == len(views) - 1


def test_a_prompt_that_is_typed_in_the_form_is_taken_when_the_tab_is_closed(
    lab: Lab, browser: Browser, pictures: Path
) -> None:
    cells = [opening("form", pictures), "nbt.ConfigForm(training)"]
    lab.write("form.ipynb", cells)
    with lab.open(browser, "form.ipynb") as notebook:
        notebook.run_all()
        saved(notebook)
        rank = notebook.page.get_by_label("Rank")
        until(notebook, lambda: rank.count() and rank.input_value() == "64")
        rank.click()
        notebook.page.keyboard.press("Control+a")
        notebook.page.keyboard.type("32")
        by_mouse(notebook)
        until(notebook, lambda: notebook.page.locator(".nbt").count() == 0)
        opened_again(notebook)
        notebook.ready()
        until(notebook, lambda: notebook.ask("training.config['rank']") == 32)
