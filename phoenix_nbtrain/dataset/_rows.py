"""Rows in an order, found by id, while they are changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from phoenix_nbtrain.draft import ImageRow, PairRow

__all__ = ["Rows"]

Row = TypeVar("Row", ImageRow, PairRow)


class Rows(Generic[Row]):
    """Rows in an order, found by id."""

    def __init__(self, rows: Mapping[str, Row]) -> None:
        self.by_id: dict[str, Row] = dict(rows)
        self.order = list(rows)

    def insert(self, at: int, row_id: str, row: Row) -> int:
        at = min(max(at, 0), len(self.order))
        self.order.insert(at, row_id)
        self.by_id[row_id] = row
        return at

    def delete(self, row_id: str) -> tuple[int, Row]:
        at = self.order.index(row_id)
        del self.order[at]
        return at, self.by_id.pop(row_id)

    def move(self, row_id: str, at: int) -> tuple[int, int]:
        before = self.order.index(row_id)
        del self.order[before]
        at = min(max(at, 0), len(self.order))
        self.order.insert(at, row_id)
        return before, at

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(self.by_id[row_id] for row_id in self.order)
