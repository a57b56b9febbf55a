"""What runs a notebook without a page saves it with the images of its views, the last cell's too."""

from __future__ import annotations

import os
import subprocess
import sys

import nbformat
import pytest

from phoenix_nbtrain.images.drawings import draw_icons

COMMANDS = {
    "nbconvert": (
        "nbconvert",
        "--to",
        "notebook",
        "--execute",
        "--output",
        "out.ipynb",
        "in.ipynb",
    ),
    "papermill": ("papermill", "in.ipynb", "out.ipynb", "--no-progress-bar"),
}
CELLS = [
    """
import phoenix_nbtrain as nbt
nbt.connect("local")
training = nbt.Training.open("icons", type="flux.2-dev-lora")
training.add_images("icons")
""",
    "nbt.ImageGrid(training)",
    "training.set_captions(lambda image: 'inkling, an icon'); training.sync()",
    "nbt.ImageGrid(training)",
    """
training.update_config({"epochs": 2, "repeats": 2, "sample_prompts": ["inkling, a star"]})
training.start().status
""",
    "nbt.ProgressPanel(training)",
    "training.wait().status",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_file_shows_the_last_state_with_its_images(tmp_path, command):
    draw_icons(tmp_path / "icons", count=5, size=256)
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "in.ipynb")
    subprocess.run(
        [sys.executable, "-m", *COMMANDS[command]],
        cwd=tmp_path,
        env={**os.environ, "PHOENIX_NBTRAIN_HOME": str(tmp_path / "home")},
        check=True,
        capture_output=True,
    )
    cells = nbformat.read(tmp_path / "out.ipynb", as_version=4).cells
    for cell in (cells[1], cells[3]):
        view, snapshot = cell.outputs
        assert "application/vnd.jupyter.widget-view+json" in view.data
        assert view.data["text/plain"] == "ImageGrid: icons"
        html = snapshot.data["text/html"]
        assert html.count("<img src=") == 5
        # Also in the first: it was renewed at the end of the cell that wrote the captions.
        assert html.count("inkling, an icon") == 5
    # The panel stands above the cell that waited, and says what that says.
    view, snapshot = cells[5].outputs
    assert cells[6].outputs[0].data["text/plain"] == "'trained'"
    assert view.data["text/plain"] == "ProgressPanel: icons"
    assert "Training: trained in " in snapshot.data["text/plain"]
    assert "<small>trained in " in snapshot.data["text/html"]
    assert snapshot.data["text/html"].count("<img src=") == 1
