"""The trainable model types and their parameters: the one table that all others read.

Ranges and defaults are those of the service's training guide and of the descriptions in its
official SDK (2.4.0). Where neither states a bound, none is checked here and the dry run judges.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from phoenix_nbtrain.errors import ConfigError, InputError
from phoenix_nbtrain.text import shown

IMAGES_MAX = 50
"""Most images a training takes (training guide)."""
PAIRS_MIN = 2
"""Fewest pairs an edit training takes (training guide)."""
WHOLE_MAX = 2**53 - 1
"""Largest whole number that JSON carries without rounding it (RFC 8259, section 6)."""
STEPS = "steps"
"""A word of the public tool's page that the service does not know; translated, never sent."""

Trainer = Literal["flux", "musubi"]
Kind = Literal["whole", "real", "text", "texts", "images"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelType:
    """What can be trained."""

    name: str
    """The service's word for it, as in ``type``."""
    family: str
    """The base model's name, for people."""
    trainer: Trainer
    """Which of the service's trainers runs it; ranges and defaults hang on this."""
    pairs: bool = False
    """Whether it learns from source→target pairs instead of single images."""
    legacy: bool = False
    """Whether the vendor recommends newer types instead."""


def _types() -> Mapping[str, ModelType]:
    rows: list[ModelType] = []

    def add(
        family: str,
        *names: str,
        trainer: Trainer = "musubi",
        pairs: bool = False,
        legacy: bool = False,
    ) -> None:
        rows.extend(
            ModelType(name=n, family=family, trainer=trainer, pairs=pairs, legacy=legacy)
            for n in names
        )

    add("FLUX.2 dev", "flux.2-dev-lora")
    add("FLUX.2 dev, edit", "flux.2-dev-edit-lora", pairs=True)
    add("FLUX.2 Klein", "flux.2-klein-4b-lora", "flux.2-klein-9b-lora")
    add("FLUX.2 Klein base", "flux.2-klein-base-4b-lora", "flux.2-klein-base-9b-lora")
    add("FLUX.2 Klein, edit", "flux.2-klein-4b-edit-lora", "flux.2-klein-9b-edit-lora", pairs=True)
    add(
        "FLUX.2 Klein base, edit",
        "flux.2-klein-base-4b-edit-lora",
        "flux.2-klein-base-9b-edit-lora",
        pairs=True,
    )
    add("Qwen Image", "qwen-image-lora", "qwen-image-2512-lora")
    add(
        "Qwen Image, edit",
        "qwen-image-edit-lora",
        "qwen-image-edit-2509-lora",
        "qwen-image-edit-2511-lora",
        pairs=True,
    )
    add("Z-Image", "zimage-lora", "zimage-turbo-lora", "zimage-de-turbo-lora")
    add("FLUX.1", "flux.1-lora", "flux.1-krea-lora", trainer="flux", legacy=True)
    add("FLUX.1 Kontext", "flux.1-kontext-lora", trainer="flux", pairs=True, legacy=True)
    return MappingProxyType({row.name: row for row in rows})


MODEL_TYPES: Mapping[str, ModelType] = _types()
"""Every trainable type by its name, the recommended families first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One training parameter of one trainer."""

    name: str
    """Our name for it, as in ``training.config``."""
    wire: str
    """The service's name for it."""
    kind: Kind
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    """Inclusive bounds of a number; ``None`` where no source states one."""
    items_max: int | None = None
    """Most entries of a list."""
    length_max: int | None = None
    """Most characters of a text."""
    moves_price: bool = False
    """Whether the price is known to follow it."""
    advanced: bool = False
    """Whether a form may keep it folded away."""
    label: str = ""
    help: str = ""

    @property
    def range(self) -> str:
        """The bounds as people read them, for example ``1 to 100``; empty where none is stated."""
        low = "" if self.minimum is None else f"{self.minimum:g}"
        high = "" if self.maximum is None else f"{self.maximum:g}"
        if low and high:
            return f"{low} to {high}"
        return f"at least {low}" if low else f"at most {high}" if high else ""


def _parameters(trainer: Trainer) -> Mapping[str, Parameter]:
    flux = trainer == "flux"
    rows = [
        Parameter(
            name="epochs",
            wire="nbEpochs",
            kind="whole",
            default=10,
            minimum=1,
            maximum=None if flux else 100,
            moves_price=True,
            label="Epochs",
            help="How many times training goes through the dataset.",
        ),
        Parameter(
            name="repeats",
            wire="nbRepeats",
            kind="whole",
            default=20,
            minimum=1,
            maximum=None if flux else 100,
            moves_price=True,
            label="Repeats",
            help="How many times each image is used per epoch.",
        ),
        Parameter(
            name="learning_rate",
            wire="learningRate",
            kind="real",
            default=1e-4 if flux else 5e-5,
            minimum=0 if flux else 1e-5,
            maximum=None if flux else 1e-3,
            label="Learning rate",
            help=(
                "How far each step moves the weights. Larger values learn faster but overshoot "
                "sooner."
            ),
        ),
        Parameter(
            name="rank",
            wire="rank",
            kind="whole",
            default=16 if flux else 64,
            minimum=2,
            maximum=64 if flux else 128,
            label="Rank",
            help="How much the adapter can learn. Small for a style, larger for detail.",
        ),
        Parameter(
            name="batch_size",
            wire="batchSize",
            kind="whole",
            default=1,
            minimum=1,
            maximum=4 if flux else 8,
            label="Batch size",
            advanced=True,
            help="How many images each step uses.",
        ),
        Parameter(
            name="sample_prompts",
            wire="samplePrompts",
            kind="texts",
            default=(),
            items_max=8 if flux else 4,
            label="Sample prompts",
            help="One image each per epoch. Without any, only the last epoch's weights are kept.",
        ),
        Parameter(
            name="sample_sources",
            wire="sampleSourceImages",
            kind="images",
            default=(),
            items_max=8 if flux else 4,
            label="Sample sources",
            advanced=True,
            help="For edit types: the image that each sample prompt starts from.",
        ),
        Parameter(
            name="concept_prompt",
            wire="conceptPrompt",
            kind="text",
            default="",
            length_max=None if flux else 20,
            label="Concept prompt",
            advanced=True,
            help=(
                "A word for the concept as a whole. A trigger word in the captions has more effect."
            ),
        ),
        Parameter(
            name="seed",
            wire="seed",
            kind="whole",
            default=None,
            minimum=0,
            label="Seed",
            advanced=True,
            help="The same seed and dataset give the same result.",
        ),
    ]
    if flux:
        rows[4:4] = [
            Parameter(
                name="learning_rate_text_encoder",
                wire="learningRateTextEncoder",
                kind="real",
                default=1e-5,
                minimum=1e-6,
                maximum=1e-3,
                advanced=True,
                label="Text encoder learning rate",
                help="The learning rate of the part that reads captions.",
            ),
            Parameter(
                name="max_train_steps",
                wire="maxTrainSteps",
                kind="whole",
                default=None,
                minimum=0,
                maximum=10_000,
                moves_price=True,
                advanced=True,
                label="Maximum training steps",
                help="Training ends there. Default: number of images × 100.",
            ),
            Parameter(
                name="optimize_for",
                wire="optimizeFor",
                kind="text",
                default="",
                advanced=True,
                label="Optimize for",
                help="Only “likeness” is accepted.",
            ),
        ]
    return MappingProxyType({row.name: row for row in rows})


_BY_TRAINER: Mapping[Trainer, Mapping[str, Parameter]] = {
    "flux": _parameters("flux"),
    "musubi": _parameters("musubi"),
}

_EDIT_ONLY = ("sample_sources",)

_ALIASES = {
    "nb_epochs": "epochs",
    "nb_repeats": "repeats",
    "sample_source_images": "sample_sources",
}
"""The public tool's names, taken as they are."""

_OTHER_TRAINERS = {
    "lr": "learning_rate",
    "unet_lr": "learning_rate",
    "text_encoder_lr": "learning_rate_text_encoder",
    "network_dim": "rank",
    "network_rank": "rank",
    "lora_rank": "rank",
    "dim": "rank",
    "train_batch_size": "batch_size",
    "num_train_epochs": "epochs",
    "max_train_epochs": "epochs",
    "num_epochs": "epochs",
    "num_repeats": "repeats",
    "prompts": "sample_prompts",
    "sample_prompt": "sample_prompts",
    "train_steps": "steps",
    "num_steps": "steps",
    "max_steps": "steps",
}
"""Other trainers' words; answered with ours, never guessed at."""

_NOT_PARAMETERS = {
    "wandb_key": "It is a secret, and settings are saved, shown and shared.",
    "wandbKey": "It is a secret, and settings are saved, shown and shared.",
    "trigger_word": "A trigger word is part of the captions: training.ensure_trigger(…) adds it.",
    "trigger": "A trigger word is part of the captions: training.ensure_trigger(…) adds it.",
    "network_alpha": "Phoenix has no alpha; rank alone sets the size of the adapter.",
    "resolution": "Phoenix chooses the resolution itself.",
    "optimizer": "Phoenix chooses the optimizer itself.",
}


def model_type(name: str) -> ModelType:
    """Return the trainable type called ``name``.

    Raises:
        InputError: no such type, or not a trainable one; the nearest ones are named.
    """
    if not isinstance(name, str) or name not in MODEL_TYPES:
        near = difflib.get_close_matches(
            name if isinstance(name, str) else "", MODEL_TYPES, n=2, cutoff=0.5
        )
        hint = f"Did you mean {' or '.join(near)}?" if near else "nbt.model_types() lists them."
        raise InputError(f"{shown(name)} is not a trainable model type.", remedy=hint)
    return MODEL_TYPES[name]


def parameters(type_name: str) -> Mapping[str, Parameter]:
    """Return the parameters of a model type by name, in the order a form shows them."""
    kind = model_type(type_name)
    table = _BY_TRAINER[kind.trainer]
    if kind.pairs:
        return table
    return MappingProxyType({n: p for n, p in table.items() if n not in _EDIT_ONLY})


def defaults(type_name: str) -> dict[str, Any]:
    """Return every parameter's default, by name."""
    return {name: p.default for name, p in parameters(type_name).items()}


def full_config(type_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` with the defaults filled in."""
    return {**defaults(type_name), **config}


def _resolve(type_name: str, key: object) -> Parameter:
    known = parameters(type_name)
    name = key if isinstance(key, str) else shown(key)
    name = _ALIASES.get(name, name)
    if name in known:
        return known[name]
    for parameter in known.values():
        if parameter.wire == name:
            return parameter
    if name == STEPS:
        raise ConfigError(
            "steps depends on the number of images.",
            remedy='training.update_config({"steps": …}) converts it.',
        )
    if name in _NOT_PARAMETERS:
        raise ConfigError(f"{name} is not a training parameter.", remedy=_NOT_PARAMETERS[name])
    if name in _EDIT_ONLY or name == "sampleSourceImages":
        raise ConfigError(
            f"{name} is for edit types only, and {type_name} learns from single images.",
            remedy="Leave it out.",
        )
    other = _OTHER_TRAINERS.get(name.lower())
    near = [other] if other else difflib.get_close_matches(name, [*known, STEPS], n=1, cutoff=0.4)
    raise ConfigError(
        f"{shown(name)} is not a training parameter of {type_name}.",
        remedy=f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."[:120],
    )


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    # numpy's integers and floats that are whole, as a DataFrame or JSON hands them over
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever has __float__ may be a number
    except (TypeError, ValueError, OverflowError):
        return None
    if isinstance(value, str) or not math.isfinite(number) or number != int(number):
        return None
    return int(number)


def _real(value: object) -> float | None:
    if isinstance(value, bool | str):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever has __float__ may be a number
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _checked(parameter: Parameter, value: object) -> Any:
    name, kind = parameter.name, parameter.kind
    if value is None:
        return parameter.default
    if kind in ("whole", "real"):
        number = _whole(value) if kind == "whole" else _real(value)
        if number is None:
            wanted = "a whole number" if kind == "whole" else "a number"
            raise ConfigError(
                f"{name} must be {wanted}, not {shown(value, 40)}.",
                remedy=f"{parameter.range}.".capitalize() if parameter.range else "",
            )
        _in_range(parameter, number)
        return number
    if kind == "text":
        if not isinstance(value, str):
            raise ConfigError(
                f"{name} must be text, not {shown(value, 40)}.", remedy="Put it in quotes."
            )
        _writable(name, value)
        if name == "optimize_for" and value not in ("", "likeness"):
            raise ConfigError(
                f"optimize_for is {shown(value, 40)}.", remedy="Only 'likeness' is accepted."
            )
        if parameter.length_max is not None and len(value) > parameter.length_max:
            raise ConfigError(
                f"{name} has {len(value)} characters.",
                remedy=f"Phoenix accepts at most {parameter.length_max}.",
            )
        return value
    values = (value,) if isinstance(value, str) else value
    if not isinstance(values, Sequence) or not all(isinstance(v, str) for v in values):
        raise ConfigError(
            f"{name} must be a list of strings, not {shown(value, 40)}.", remedy='Give ["…", "…"].'
        )
    for text in values:
        _writable(name, text)
    if parameter.items_max is not None and len(values) > parameter.items_max:
        raise ConfigError(
            f"{name} has {len(values)} entries.",
            remedy=f"This type accepts at most {parameter.items_max}.",
        )
    return tuple(v.strip() if kind == "texts" else v for v in values if v.strip())


def _in_range(parameter: Parameter, number: float) -> None:
    low, high = parameter.minimum, parameter.maximum
    above_zero = (parameter.kind, low) == ("real", 0)
    too_low = low is not None and (number <= 0 if above_zero else number < low)
    if not too_low and (high is None or number <= high) and abs(number) <= WHOLE_MAX:
        return
    takes = parameter.range if high is not None else f"{low or 0:g} to {WHOLE_MAX}"
    # Thousands of digits tell nothing, and Python refuses to write them out.
    said = f"{number:g}" if abs(number) <= WHOLE_MAX else "a number of more than 15 digits"
    raise ConfigError(f"{parameter.name} is {said}, out of range.", remedy=f"It must be {takes}.")


def _writable(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ConfigError(
            f"{name} contains half a character (a lone surrogate): {shown(text, 40)}.",
            remedy="Type it again.",
        ) from None


def resolve_names(type_name: str, config: Mapping[str, Any]) -> list[str]:
    """Return our names of the parameters that ``config`` sets, in its order.

    Raises:
        ConfigError: an unknown name.
    """
    return [_resolve(type_name, key).name for key in config]


def as_mapping(config: object) -> dict[str, Any]:
    """Return a copy of what is given as a configuration, unchecked but for being a mapping.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(config, Mapping):
        raise ConfigError(
            f"Settings must be a mapping, not {shown(config, 40)}.",
            remedy='For example {"epochs": 12}.',
        )
    return dict(config)


def validate(type_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` under our names, each value checked, defaults left out.

    The wire's and the public tool's names are taken too. ``steps`` is not: it means something
    only once the number of images is known, see `steps_to_config`.

    Raises:
        ConfigError: an unknown name (the nearest known one is named), a value of the wrong
            kind or out of range, or two names for the same parameter. Nothing is half taken.
    """
    taken: dict[str, Any] = {}
    for key, value in as_mapping(config).items():
        parameter = _resolve(type_name, key)
        if parameter.name in taken:
            raise ConfigError(f"{parameter.name} is given twice.", remedy="Keep one of them.")
        taken[parameter.name] = _checked(parameter, value)
    known = parameters(type_name)
    return {n: v for n, v in taken.items() if v != known[n].default}


def to_wire(type_name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``config`` as the service's ``parameters``, with every default made explicit.

    Parameters that are unset (``None``, an empty text or list) are left out: the service
    distinguishes a missing sample prompt from an empty one.
    """
    known = parameters(type_name)
    full = full_config(type_name, config)
    wire: dict[str, Any] = {}
    for name, parameter in known.items():
        value = full[name]
        if value is None or value in ("", ()):
            continue
        wire[parameter.wire] = list(value) if parameter.kind in ("texts", "images") else value
    return wire


def from_wire(type_name: str, wire: Mapping[str, Any]) -> dict[str, Any]:
    """Return the service's ``parameters`` under our names, defaults and unknown keys left out."""
    by_wire = {p.wire: p for p in parameters(type_name).values()}
    config: dict[str, Any] = {}
    for key, given in wire.items():
        parameter = by_wire.get(key)
        if parameter is None or given is None:
            continue
        value: Any = given
        if parameter.kind in ("texts", "images"):
            value = tuple(given) if isinstance(given, list) else parameter.default
        elif parameter.kind == "whole":
            value = _whole(given)
        if value is not None and value != parameter.default:
            config[parameter.name] = value
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """``steps`` translated into parameters the service knows."""

    config: Mapping[str, Any]
    """What to set, under our names."""
    total: int
    """The steps that this comes to."""
    said: str
    """The translation in words."""


def explain_steps(type_name: str, config: Mapping[str, Any], items: int) -> tuple[int, str]:
    """Return the steps of a training over ``items`` images or pairs, and the sum in words.

    images × repeats × epochs / batch size, the arithmetic of the trainers behind the service.
    """
    full = full_config(type_name, config)
    noun = "pairs" if model_type(type_name).pairs else "images"
    epochs, repeats, batch = full["epochs"], full["repeats"], full["batch_size"]
    total = math.ceil(items * repeats * epochs / batch)
    parts = ((epochs, "epochs"), (repeats, "repeats"), (items, noun))
    words = " × ".join(f"{n} {word[:-1] if n == 1 else word}" for n, word in parts)
    words += f" ÷ batch {batch}" if batch != 1 else ""
    if "max_train_steps" in full:
        # Unset, the service ends Flux LoRA trainings after images × 100 steps (SDK).
        most = items * 100 if full["max_train_steps"] is None else full["max_train_steps"]
        if total > most:
            return most, f"{words}, ended at {most:,}"
    return total, words


def steps_to_config(
    type_name: str, steps: object, *, items: int, config: Mapping[str, Any] | None = None
) -> Steps:
    """Translate ``steps``, a word the service does not know.

    Flux LoRA types have ``max_train_steps``. For the others, the epochs and repeats are chosen
    whose images × repeats × epochs / batch size comes nearest; of equally near ones the epochs
    nearest to the configured number win.

    Args:
        type_name: the model type.
        steps: a whole number of at least 1.
        items: how many images (or pairs) the training has.
        config: what is configured besides; its batch size and epochs count.

    Raises:
        ConfigError: ``steps`` is no such number, is beyond what the ranges of epochs and repeats
            reach (the nearest is named), or there are no images yet.
    """
    number = _whole(steps)
    if number is None or number < 1:
        said = f", not {shown(steps, 40)}" if number is None else ""
        raise ConfigError(f"steps must be a whole number{said}.", remedy="It must be 1 or more.")
    kind = model_type(type_name)
    if kind.trainer == "flux":
        config_out = validate(type_name, {"max_train_steps": number})
        return Steps(
            config=config_out, total=number, said=f"{number:,} steps: max_train_steps {number}"
        )
    if items < 1:
        raise ConfigError(
            "steps can only be converted once the training has images.",
            remedy="Add images first, or set epochs and repeats.",
        )
    full = full_config(type_name, config or {})
    known, batch = parameters(type_name), full["batch_size"]
    epochs_max = int(known["epochs"].maximum or 100)
    repeats_max = int(known["repeats"].maximum or 100)

    fewest, most = (math.ceil(items * n / batch) for n in (1, epochs_max * repeats_max))
    if not fewest <= number <= most:
        said = f"{number:,}" if number <= WHOLE_MAX else "A number of more than 15 digits"
        noun = ("pair" if kind.pairs else "image") + ("s" if items != 1 else "")
        raise ConfigError(
            f"{said} steps cannot be reached with {items} {noun}.",
            remedy=f"The nearest is {fewest if number < fewest else most:,}.",
        )

    def rank(epochs: int) -> tuple[Decimal, int, int, int]:
        repeats = max(1, min(repeats_max, round(number * batch / (items * epochs))))
        miss = abs(Decimal(items * repeats * epochs) / batch - number)
        return (miss, abs(epochs - full["epochs"]), epochs, repeats)

    _, _, epochs, repeats = min(rank(e) for e in range(1, epochs_max + 1))
    total, words = explain_steps(type_name, {**full, "epochs": epochs, "repeats": repeats}, items)
    return Steps(
        config={"epochs": epochs, "repeats": repeats},
        total=total,
        said=f"{total:,} steps: {words}",
    )
