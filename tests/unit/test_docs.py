"""What the documents for developers name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_that_a_document_names_exists(document):
    words = document.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:phoenix_nbtrain|tests|scripts|docs|notebooks)/[\w./]*)`", words)
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", words)
    missing = [path for path in paths if not (ROOT / path).exists()]
    missing += [link for link in links if not (document.parent / link).exists()]
    assert [path for path in missing if "NAME" not in path] == []
