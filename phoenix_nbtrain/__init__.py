"""A Jupyter widget toolkit for training custom image models on Phoenix.

    import phoenix_nbtrain as nbt

    nbt.connect("local")
    training = nbt.Training.open("prop icons", type="flux.2-dev-lora")
    training.add_images("props/")
    nbt.Studio(training)

Importing starts nothing, reads nothing and loads none of the large libraries: every name is
brought in when it is first used.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phoenix_nbtrain.checkup import doctor
    from phoenix_nbtrain.client.connect import connect
    from phoenix_nbtrain.client.login import login, logout
    from phoenix_nbtrain.errors import (
        InputError,
        LaunchRefused,
        LaunchUncertain,
        NotReady,
        PhoenixError,
        PriceNotAccepted,
        ServiceError,
        ServiceUnreachable,
        StillRunning,
    )
    from phoenix_nbtrain.session.overview import model_types, models, runs
    from phoenix_nbtrain.tool import train
    from phoenix_nbtrain.training import Training, attach
    from phoenix_nbtrain.user_options import options
    from phoenix_nbtrain.widgets.form import ConfigForm
    from phoenix_nbtrain.widgets.grid import ImageGrid
    from phoenix_nbtrain.widgets.launch import LaunchPanel
    from phoenix_nbtrain.widgets.pairs import PairTable
    from phoenix_nbtrain.widgets.picker.image_picker import ImagePicker
    from phoenix_nbtrain.widgets.progress import ProgressPanel
    from phoenix_nbtrain.widgets.studio import Studio

__version__ = "0.1.0"

__all__ = [
    "ConfigForm",
    "ImageGrid",
    "ImagePicker",
    "InputError",
    "LaunchPanel",
    "LaunchRefused",
    "LaunchUncertain",
    "NotReady",
    "PairTable",
    "PhoenixError",
    "PriceNotAccepted",
    "ProgressPanel",
    "ServiceError",
    "ServiceUnreachable",
    "StillRunning",
    "Studio",
    "Training",
    "attach",
    "connect",
    "doctor",
    "login",
    "logout",
    "model_types",
    "models",
    "options",
    "runs",
    "train",
]

_WHERE = {
    "ConfigForm": "widgets.form",
    "ImageGrid": "widgets.grid",
    "ImagePicker": "widgets.picker.image_picker",
    "InputError": "errors",
    "LaunchPanel": "widgets.launch",
    "LaunchRefused": "errors",
    "LaunchUncertain": "errors",
    "NotReady": "errors",
    "PairTable": "widgets.pairs",
    "PhoenixError": "errors",
    "PriceNotAccepted": "errors",
    "ProgressPanel": "widgets.progress",
    "ServiceError": "errors",
    "ServiceUnreachable": "errors",
    "StillRunning": "errors",
    "Studio": "widgets.studio",
    "Training": "training",
    "attach": "training",
    "connect": "client.connect",
    "doctor": "checkup",
    "login": "client.login",
    "logout": "client.login",
    "model_types": "session.overview",
    "models": "session.overview",
    "options": "user_options",
    "runs": "session.overview",
    "train": "tool",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name not in _WHERE:
        errors = importlib.import_module(f"{__name__}.errors")
        if name == "errors":
            return errors
        raise errors.UnknownName("nbt", name, known=__all__)
    value = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "errors"]
