"""Who may import whom: the house's plan, checked on every module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import phoenix_nbtrain

PACKAGE = Path(phoenix_nbtrain.__file__).parent

BASE = {
    *("errors", "records", "draft", "catalog", "forks"),
    *("home", "contents", "cache", "database", "locks", "telling"),
}
DISK = {"home", "contents", "cache", "database", "locks", "telling"}
MAY = {
    "text": set(),
    "errors": set(),
    "addresses": set(),
    "arguments": {"errors"},
    "clock": set(),
    "forks": {"errors"},
    "home": {"errors"},
    "locks": {"errors", "forks", "home", "telling"},
    "telling": set(),
    "children": set(),
    "contents": {"home"},
    "cache": {"errors", "home"},
    "database": {"errors", "forks", "home", "locks"},
    "runner": {"forks"},
    "records": set(),
    "draft": {"errors", "records"},
    "catalog": {"errors", "records"},
    "images": {"errors", "records", "children", "forks", "images"},
    "dataset": {*BASE, "images", "dataset"} - DISK,
    "client": {"addresses", "clock", "errors", "records", "forks", "home", "images", "client"},
    "engines": {"errors", "catalog", "home", "images", "engines"},
    "local": {
        *("addresses", "errors", "records", "catalog", "children", "forks"),
        *(*DISK, "images", "engines", "local"),
    },
    "store": {"addresses", "clock", "errors", "records", "draft", "forks", *DISK, "store"},
    "launch": {"clock", "errors", "locks", "records", "store", "launch"},
    "session": {
        *(*BASE, "arguments", "clock", "images", "dataset"),
        *("runner", "store", "launch", "session"),
    },
    "training": {*BASE, "arguments", "dataset", "runner", "store", "launch", "session"},
    "user_options": {"errors"},
    "widgets": {
        *("errors", "records", "draft", "catalog", "forks", "user_options"),
        *("dataset", "session", "widgets"),
    },
    "tool": {*BASE, "arguments", "session", "training", "launch", "client"},
    "checkup": {"errors", "home", "locks", "client"},
    "__main__": {"cli"},
    "cli": {*BASE, "session", "training", "launch", "client", "local", "tool", "__init__"},
}
"""Ours, by the first part of the module's name. What is missing here may not exist."""

EVERYWHERE = {"text"}
"""A leaf that every layer may import."""

LAZILY = {
    ("client.transport", "__init__"),  # the version, for the User-Agent
    ("client.connect", "local"),  # the local Phoenix is loaded only where it is used
    ("session.service", "client"),  # the connected client, where none is given
    ("session.session", "client"),  # a newer login
}

MUST_NOT = {
    "images": {"httpx", "ipywidgets", "pandas", "flask"},
    "dataset": {"httpx", "ipywidgets", "flask", "sqlite3"},
    "client": {"pandas", "ipywidgets", "traitlets", "flask"},
    "engines": {"httpx", "pandas", "ipywidgets", "traitlets", "flask", "sqlite3"},
    "local": {"httpx", "pandas", "ipywidgets", "traitlets"},
    "store": {"httpx", "ipywidgets", "pandas", "flask"},
    "launch": {"httpx", "ipywidgets", "pandas", "flask", "sqlite3"},
    "session": {"httpx", "ipywidgets", "traitlets", "sqlite3", "flask"},
    "training": {"httpx", "ipywidgets", "traitlets", "sqlite3", "flask"},
    "widgets": {"httpx", "sqlite3", "threading", "asyncio", "flask", "PIL"},
    "tool": {"httpx", "ipywidgets"},
    "cli": {"httpx", "ipywidgets"},
}

TRIGGERS = {"trigger_training", "trigger_download"}
"""The client's methods that spend money."""

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def imports(path: Path) -> set[tuple[str, bool]]:
    """Return (module, lazily) for every import, those within functions being lazy."""
    found: set[tuple[str, bool]] = set()

    def visit(node: ast.AST, lazy: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                found.update((alias.name, lazy) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}: imports are absolute here"
                module = child.module or ""
                if module == "phoenix_nbtrain":
                    found.update((f"{module}.{alias.name}", lazy) for alias in child.names)
                else:
                    found.add((module, lazy))
            else:
                visit(child, lazy or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))

    visit(ast.parse(path.read_text(encoding="utf-8")), lazy=False)
    return found


def ours(module: str) -> str | None:
    head, _, rest = module.partition(".")
    if head != "phoenix_nbtrain":
        return None
    part = rest.partition(".")[0]
    return part if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").exists() else "__init__"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_only_what_its_layer_may(path):
    name = name_of(path)
    layer = name.partition(".")[0]
    if layer == "__init__":
        return
    assert layer in MAY, f"{name} is in no layer"
    for module, lazy in imports(path):
        part = ours(module)
        if part is None:
            outside = module.partition(".")[0]
            assert outside not in MUST_NOT.get(layer, set()), f"{name} imports {outside}"
        elif part not in MAY[layer] | EVERYWHERE:
            assert lazy, f"{name} imports {module}"
            assert (name, part) in LAZILY, f"{name} imports {module}"


def test_httpx_is_imported_in_the_client_only():
    users = {
        name_of(p).partition(".")[0]
        for p in MODULES
        if any(m.partition(".")[0] == "httpx" for m, _ in imports(p))
    }
    assert users == {"client"}


VIEWS = {
    *("grid", "pairs", "form", "launch", "progress", "studio"),
    *("picker.image_picker", "picker.folder_grid"),
}
KIN = {
    ("picker.folder_grid", "grid"),  # the image grid with other rows
    ("picker.folder_panel", "picker.folder_grid"),  # a part of the picker
}


def test_views_do_not_import_each_other():
    names = {name_of(path) for path in MODULES}
    assert {f"widgets.{view}" for view in VIEWS} <= names
    for path in (PACKAGE / "widgets").rglob("*.py"):
        name = name_of(path).removeprefix("widgets.")
        for module, _ in imports(path):
            other = module.removeprefix("phoenix_nbtrain.widgets.")
            if name != "studio" and other in VIEWS:
                assert (name, other) in KIN, f"{name} imports {other}"


def test_only_the_launch_protocol_can_send_the_trigger():
    callers = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in TRIGGERS:
                callers.add((name_of(path), node.attr))
    assert callers == {("launch.sending", name) for name in TRIGGERS}


def test_widgets_reach_only_what_a_view_shows_of_the_dataset():
    may = {f"phoenix_nbtrain.dataset.{name}" for name in ("edits", "checks", "listing")}
    for path in (PACKAGE / "widgets").rglob("*.py"):
        for module, _ in imports(path):
            if module.startswith("phoenix_nbtrain.dataset"):
                assert module in may, f"{path.name}: {module}"
