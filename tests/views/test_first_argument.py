"""A view made of something else says what it takes."""

from __future__ import annotations

import pytest

import phoenix_nbtrain as nbt

VIEWS = ["ConfigForm", "ImageGrid", "ImagePicker", "LaunchPanel", "PairTable", "ProgressPanel"]


@pytest.mark.parametrize("name", [*VIEWS, "Studio"])
@pytest.mark.parametrize("given", [None, 5, "prop icons"])
def test_a_view_takes_a_training_and_says_so(name: str, given: object) -> None:
    with pytest.raises(nbt.InputError, match=f"{name} takes a Training"):
        getattr(nbt, name)(given)
