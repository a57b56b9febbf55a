"""Views on a page, for every test of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from browser.gridview import Grid
from browser.harness import browser, shown
from browser.pair_page import Table, table_of
from playwright.sync_api import Browser

from phoenix_nbtrain.widgets.grid import ImageGrid

__all__ = ["browser"]


@pytest.fixture
def grid(browser: Browser) -> Iterator[Callable[..., Grid]]:
    """Return a function that shows the images of a training, in place of those shown before."""
    with ExitStack() as page:

        def show(training: object, **more: object) -> Grid:
            page.close()
            view = page.enter_context(shown(browser, ImageGrid(training), Grid, **more))
            view.training = training
            return view

        yield show


@pytest.fixture
def table(browser: Browser) -> Iterator[Callable[..., Table]]:
    """Return a function that shows the pairs of a training, in place of those shown before."""
    with ExitStack() as page:

        def show(training: object, **more: object) -> Table:
            page.close()
            return page.enter_context(table_of(browser, training, **more))

        yield show
