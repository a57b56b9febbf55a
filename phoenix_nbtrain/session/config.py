"""The configuration as a mapping that can be written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Self

from phoenix_nbtrain.errors import ConfigError

__all__ = ["Config"]


class Config(dict[str, Any]):
    """Every parameter by name, defaults filled in, as it stood when it was asked for.

    Setting an item sets the training's own, checked like any other edit; deleting one sets it back
    to its default. So ``training.config["epochs"] = 3`` does what it says.
    """

    def __init__(
        self, values: Mapping[str, Any], write: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    ) -> None:
        super().__init__(values)
        self._write = write

    def __setitem__(self, name: str, value: Any) -> None:
        self.update(((name, value),))

    def __delitem__(self, name: str) -> None:
        self.update({name: None})

    def update(self, *given: Any, **named: Any) -> None:
        """Set several at once, all or none.

        Raises:
            ConfigError: an unknown name or a value out of range; nothing was changed.
        """
        try:
            wished = dict(*given, **named)
        except (TypeError, ValueError):
            raise ConfigError(
                "A configuration is a mapping of names to values.", remedy='{"epochs": 10}, say.'
            ) from None
        standing = self._write(wished)
        super().clear()
        super().update(standing)

    def __ior__(self, given: Any) -> Self:  # type: ignore[override,misc]  # narrower than dict's
        self.update(given)
        return self

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return what stands: every parameter has a value already."""
        return self.get(name, default)

    def pop(self, name: str, *default: Any) -> Any:
        """Set one back to its default, and return what stood."""
        stood = self.get(name, *default) if default else self[name]
        if name in self:
            del self[name]
        return stood

    def clear(self) -> None:
        """Set all back to their defaults."""
        self.update(dict.fromkeys(self))

    def copy(self) -> dict[str, Any]:
        """Return a plain dict."""
        return dict(self)
