"""What README promises on its first screen is what the project has."""

from __future__ import annotations

import re
from pathlib import Path

import phoenix_nbtrain as nbt

ROOT = Path(__file__).parents[2]


def test_the_two_commands_are_there_each_in_one_line() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^python3 -m venv \.venv && .*$", text, re.MULTILINE)
    assert [line.rsplit("&& ", 1)[1] for line in lines] == ["phoenix-nbtrain tutorial", "pytest"]


def test_every_name_in_readme_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in set(re.findall(r"nbt\.([A-Za-z_]+)", text)):
        assert hasattr(nbt, name), name
