"""The ``parameters`` of a request: checked by the catalog, under the wire's names only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phoenix_nbtrain.catalog import from_wire, full_config, parameters, validate
from phoenix_nbtrain.errors import PhoenixError, shown
from phoenix_nbtrain.local.service_errors import bad, told

__all__ = ["checked", "config_of"]

_IGNORED = frozenset(
    {"classPrompt", "learningRateUnet", "lrScheduler", "numTextTrainSteps", "numUNetTrainSteps"}
    | {"priorLossWeight", "randomCrop", "randomCropRatio", "randomCropScale", "scaleLr"}
    | {"textEncoderTrainingRatio", "validationFrequency", "validationPrompt", "wandbKey"}
)
"""Documented, and without effect here: the deprecated ones, and a key to somebody else's service,
which is not even kept."""


def checked(type_name: str, given: object) -> dict[str, Any]:
    """Return a request's ``parameters`` as they are kept with the model.

    Raises:
        Refused: 400, naming the parameter.
    """
    if not isinstance(given, Mapping):
        raise bad('"parameters" must be an object')
    known = {p.wire: p for p in parameters(type_name).values()}
    wanted: dict[str, Any] = {}
    for name, value in given.items():
        if name in _IGNORED or value is None:
            continue
        if name not in known:
            raise bad(f"parameters.{shown(name, 40)} is not a parameter of {type_name}")
        if known[name].kind in ("texts", "images") and not isinstance(value, list):
            raise bad(f"parameters.{name} must be a list")
        wanted[name] = value
    try:
        config = validate(type_name, wanted)
    except PhoenixError as error:
        raise told(error) from None
    sources, prompts = config.get("sample_sources", ()), config.get("sample_prompts", ())
    if sources and len(sources) != len(prompts):
        raise bad("parameters.sampleSourceImages needs one image per sample prompt")
    lists = {
        p.wire: list(config.get(p.name, ()))
        for p in known.values()
        if p.wire in wanted and p.kind in ("texts", "images")
    }
    return {**wanted, **lists}


def config_of(type_name: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return every parameter by our name, from what `checked` let pass."""
    return full_config(type_name, from_wire(type_name, kept))
