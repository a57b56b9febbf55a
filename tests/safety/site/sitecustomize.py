"""Makes every Python that a test starts record the requests that buy; see `safety.recorder`.

httpx is hooked when it is imported and not before: what imports it is under test, too.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any


class _WhenImported(importlib.abc.MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "httpx":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module

            def then_hooked(module: ModuleType) -> None:
                run(module)
                _recorder().install()

            loader.exec_module = then_hooked
        return spec


def _recorder() -> Any:
    path = Path(__file__).parents[1] / "recorder.py"
    spec = importlib.util.spec_from_file_location("_nbtrain_recorder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


sys.meta_path.insert(0, _WhenImported())
