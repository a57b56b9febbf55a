"""The training parameters: the defaults filled in, what people set of them, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Self

from phoenix_nbtrain import catalog
from phoenix_nbtrain.dataset import left_out
from phoenix_nbtrain.dataset.edits import Op
from phoenix_nbtrain.dataset.lookup import Lookup
from phoenix_nbtrain.errors import ConfigError
from phoenix_nbtrain.session.editing import Editing, EditReply
from phoenix_nbtrain.session.state_store import StateStore


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
                "Settings must be a mapping of names to values.",
                remedy='For example {"epochs": 10}.',
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


class Settings:
    """The parameters of one training."""

    def __init__(self, live: StateStore, editing: Editing) -> None:
        self._live = live
        self._editing = editing

    @property
    def type_name(self) -> str:
        """The model's type, which says what parameters there are."""
        return self._live.state.model.type

    def values(self) -> Config:
        """Return every parameter, as a mapping that can be written to."""

        def write(given: Mapping[str, Any]) -> Mapping[str, Any]:
            self.update(given).result()
            return catalog.full_config(self.type_name, self._live.state.draft.config)

        return Config(catalog.full_config(self.type_name, self._live.state.draft.config), write)

    def assign(self, config: Mapping[str, Any]) -> Future[EditReply]:
        """Set exactly these parameters and all others back to their defaults."""
        wanted = self._with_images(catalog.validate(self.type_name, config))
        names = {*self._live.state.draft.config, *wanted}
        return self._editing.do([_set_config(name, wanted.get(name)) for name in names])

    def update(self, config: Mapping[str, Any] | None = None, /, **named: Any) -> Future[EditReply]:
        """Set some parameters and leave the others.

        Raises:
            ConfigError: an unknown name or a value out of range; nothing was changed.
        """
        given = {} if config is None and named else catalog.as_mapping(config)
        wished = self._wished({**given, **named})
        return self._editing.do([_set_config(name, value) for name, value in wished.items()])

    def merged(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `update` would make of the parameters. Changes nothing."""
        wished = {**self._live.state.draft.config, **self._wished(config)}
        return catalog.full_config(
            self.type_name, {n: v for n, v in wished.items() if v is not None}
        )

    def _wished(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Return what ``config`` sets, checked: each name it holds, ``None`` for the default."""
        config = catalog.as_mapping(config)
        if catalog.STEPS in config:
            steps = config.pop(catalog.STEPS)
            draft = self._live.state.draft
            found = catalog.steps_to_config(
                self.type_name,
                steps,
                items=len(
                    draft.pairs if catalog.model_type(self.type_name).pairs else draft.images
                ),
                config={**draft.config, **catalog.validate(self.type_name, config)},
            )
            clash = set(found.config) & set(catalog.resolve_names(self.type_name, config))
            if clash:
                raise ConfigError(
                    f"steps is given together with {min(clash)}.", remedy="Give one or the other."
                )
            config |= found.config
        checked = self._with_images(catalog.validate(self.type_name, config))
        return {n: checked.get(n) for n in catalog.resolve_names(self.type_name, config)}

    def _with_images(self, config: dict[str, Any]) -> dict[str, Any]:
        """Return ``config`` with its sample sources as image ids, whatever they are called by."""
        if "sample_sources" not in config:
            return config
        stands = self._live.state.draft.config.get("sample_sources", ())
        found = Lookup(self._live.state.draft.images, refused=ConfigError)
        removed = left_out.Names(self._live.state.draft)
        # What stands, or is named by a cell that runs again, may have lost its image, which
        # check() tells; that stops no other edit.
        sources = (
            v if v in stands else (removed.find(v) or found.find(v)).image_id
            for v in config["sample_sources"]
        )
        return config | {"sample_sources": tuple(sources)}


def _set_config(name: str, value: Any) -> Op:
    return {"op": "set", "table": "config", "row": name, "value": value}
