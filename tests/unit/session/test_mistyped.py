"""A name that is mistyped, a class that is called, a training that is copied: what to type instead."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import InputError, PhoenixError, UnknownName
from phoenix_nbtrain.training import Training


@pytest.mark.parametrize(
    ("owner", "name", "near"),
    [
        (nbt, "Traning", "Training"),
        (nbt, "imagegrid", "ImageGrid"),
        (nbt, "model", "models"),
        (Training, "opn", "open"),
        (Training, "Create", "create"),
    ],
)
def test_a_mistyped_name_names_the_nearest(owner, name, near):
    with pytest.raises(UnknownName, match=rf"has no attribute {name}\. Did you mean {near}\?"):
        getattr(owner, name)
    assert not hasattr(owner, name)
    assert getattr(owner, name, None) is None


@pytest.mark.parametrize(
    ("name", "near"), [("add_image", "add_images"), ("image", "images"), ("estimat", "estimate")]
)
def test_a_mistyped_name_of_a_training_is_neither_read_nor_assigned(opened, name, near):
    training = opened()
    words = rf"training has no attribute {name}\. Did you mean {near}\?"
    with pytest.raises(UnknownName, match=words):
        getattr(training, name)
    with pytest.raises(UnknownName, match=words):
        setattr(training, name, training.images)
    assert name not in vars(training)


def test_a_name_that_is_near_to_none_says_where_they_are_listed(opened):
    with pytest.raises(UnknownName, match=r"dir\(training\) lists them"):
        _ = opened().xyzzy
    with pytest.raises(UnknownName, match=r"dir\(nbt\) lists them"):
        _ = nbt.xyzzy


def test_what_libraries_ask_for_is_no_error_of_ours(opened):
    for owner in (opened(), nbt, Training):
        with pytest.raises(AttributeError) as caught:
            _ = owner._repr_latex_
        assert not isinstance(caught.value, PhoenixError)


def test_a_property_that_fails_tells_its_own_reason(opened, monkeypatch):
    training = opened()

    def broken(_: object) -> None:
        raise AttributeError("within")

    monkeypatch.setattr(Training, "unit", property(broken))
    with pytest.raises(AttributeError, match=r"^within$"):
        _ = training.unit


def test_the_hint_stands_once_in_plain_python_and_in_a_notebook(capsys):
    plain = subprocess.run(
        [sys.executable, "-c", "import phoenix_nbtrain as nbt; nbt.Traning"],
        capture_output=True,
        text=True,
        check=False,
    ).stderr.splitlines()[-1]
    shell = InteractiveShell()
    shell.colors = "nocolor"
    shell.run_cell("import phoenix_nbtrain as nbt; nbt.Traning")
    notebook = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert "UnknownName" in notebook
    for line in (plain, notebook):
        assert line.count("Did you mean") == 1
        assert line.endswith("nbt has no attribute Traning. Did you mean Training?")


def test_the_errors_are_found_below_the_package():
    assert nbt.errors.NotFound is sys.modules["phoenix_nbtrain.errors"].NotFound


@pytest.mark.parametrize(
    ("given", "named", "line"),
    [
        (["props"], {}, r'nbt\.Training\.open\("props", type="flux\.2-dev-lora"\)'),
        ([], {}, r'nbt\.Training\.open\("prop icons", type='),
        ([], {"name": "props", "type": "zimage-lora"}, r'\.open\("props", type="zimage-lora"\)'),
    ],
)
def test_calling_the_class_says_how_it_is_opened(given, named, line):
    with pytest.raises(InputError, match=rf"opened, not called\. .*{line}"):
        nbt.Training(*given, **named)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_training_is_opened_again_and_never_copied(opened, copied):
    training = opened()
    for what in (training, {"kept": [training]}):
        if what is not training and copied is copy.copy:
            continue  # which copies the outermost only
        with pytest.raises(
            InputError,
            match=r'Open it again with nbt\.Training\.open\("icons", type="flux\.2-dev-lora"\)\.$',
        ):
            copied(what)
    assert training.model_id
