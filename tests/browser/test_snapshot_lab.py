"""The snapshot in a real JupyterLab: beside live views, in the saved file, and reopened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from browser.harness import Browser, browser, until
from browser.lab import Lab, Notebook, lab, pictures

__all__ = ["browser", "lab", "pictures"]

pytestmark = pytest.mark.lab

VIEWS = ("ImageGrid", "PairTable", "ProgressPanel", "LaunchPanel", "Studio")
HOSTILE = "$\\\\href{javascript:alert(1)}{x}$ <b onclick=alert(1)>fox</b>"


def snapshots(notebook: Notebook, index: int) -> list[str]:
    """Return the HTML of the snapshots in a cell's outputs, as they would be saved."""
    outputs = notebook.js("return panel.content.widgets[argument].model.outputs.toJSON();", index)
    found = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    return [html for html in found if "nbt-snapshot" in html]


def grown(notebook: Notebook, index: int) -> bool:
    """Whether a cell has its one snapshot, and that is more than the first words."""
    (html,) = snapshots(notebook, index)
    return "nbt-young tex2jax" not in html


def reopened(browser: Browser, lab: Lab, name: str) -> Any:
    """Return what a fresh page shows of each snapshot: whether it is seen, its images, its words."""
    with lab.open(browser, name, height=3000) as notebook:
        until(notebook, lambda: notebook.page.locator(".nbt-snapshot").count() >= 2)
        return notebook.page.evaluate(
            "async () => Promise.all([...document.querySelectorAll('.nbt-snapshot')].map(async (one) => {"
            "  const images = [...one.querySelectorAll('img')];"
            "  await Promise.all(images.map((image) => image.decode()));"
            "  return [one.checkVisibility(), images.length, one.innerText,"
            "          one.querySelectorAll('mjx-container, a, script, [onclick]').length] }))"
        )


def test_a_snapshot_beside_live_views_in_the_file_and_reopened(
    browser: Browser, lab: Lab, pictures: Path
) -> None:
    cells = [
        f"""
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("snapshots", type="flux.2-dev-edit-lora")
training.add_images({pictures.name!r}, recursive=True)
training.pair_up("line", "colour", instruction="colour it")
training.set_captions(lambda image: "{HOSTILE}" if "apple" in image.name else "a drawing")
training.sync()
""",
        *(f"nbt.{name}(training)" for name in VIEWS),
    ]
    lab.write("snapshots.ipynb", cells)
    with lab.open(browser, "snapshots.ipynb", height=3000) as notebook:
        page = notebook.page
        page.evaluate("() => { window.dialogs = 0; window.alert = () => { window.dialogs += 1 } }")
        notebook.run_all()

        # Each view has its snapshot, which nobody sees once the view has heard from its kernel.
        for index in range(1, len(cells)):
            until(notebook, lambda index=index: grown(notebook, index))
        until(notebook, lambda: not page.locator(".nbt-snapshot:visible").count())
        assert page.locator(".nbt-alone").count() == 0
        assert snapshots(notebook, 1)[0].count("<img src=") == 12
        assert snapshots(notebook, 2)[0].count("<img src=") == 12

        # A caption that is half typed outlives a snapshot that is renewed by a save.
        page.locator(".nbt-cap").nth(1).click()
        page.keyboard.type("half a thought")
        notebook.ask("training.set_captions(lambda image: image.caption + ', inked')")
        until(notebook, lambda: "a drawing, inked" in snapshots(notebook, 1)[0])
        typed = "() => [document.activeElement.tagName, document.activeElement.value]"
        assert page.evaluate(typed) == ["TEXTAREA", "a drawinghalf a thought"]
        page.keyboard.press("Escape")

        # A cell that is run again has one snapshot.
        notebook.run(1)
        until(notebook, lambda: grown(notebook, 1))
        until(notebook, lambda: not page.locator(".nbt-snapshot:visible").count())

        # A training's end is in the snapshot as soon as its cell has ended.
        notebook.ask("(training.update_config({'epochs': 2}), training.start().status)")
        notebook.ask("training.wait().status")
        assert "trained in" in snapshots(notebook, 3)[0]
        assert page.evaluate("() => window.dialogs") == 0
        notebook.js("await panel.context.save();")
        notebook.js("await panel.sessionContext.shutdown();")

    # Reopened with a fresh kernel, as the same person: the snapshots stand where no view can.
    seen = reopened(browser, lab, "snapshots.ipynb")
    assert seen and all(visible and not odd for visible, _, _, odd in seen)
    assert [count for _, count, _, _ in seen][:2] == [12, 12]
    assert "onclick=alert(1)>fox</b>, inked" in seen[0][2]

    # By somebody else, who does not trust it: Jupyter takes the style sheet, no more.
    saved = json.loads((lab.work / "snapshots.ipynb").read_text("utf-8"))
    saved["cells"][1]["source"] += "  # not what was signed"
    (lab.work / "theirs.ipynb").write_text(json.dumps(saved))
    seen = reopened(browser, lab, "theirs.ipynb")
    assert seen and all(visible and not odd for visible, _, _, odd in seen)
    assert [count for _, count, _, _ in seen][:2] == [12, 12]
