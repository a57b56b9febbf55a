"""What the account and the catalog hold, as frames."""

from __future__ import annotations

import pandas as pd
import pytest
from fake_service import FakeService

import phoenix_nbtrain as nbt
from phoenix_nbtrain import catalog
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.session.overview import model_types, models, runs


def test_each_type_shows_its_ranges_as_the_catalog_has_them():
    frame = model_types()
    for name in ("epochs", "repeats", "batch_size", "learning_rate", "rank"):
        for kind, shown in frame[name].items():
            parameter = catalog.parameters(str(kind)).get(name)
            assert shown == ("" if parameter is None else parameter.range)


def test_models_tell_when_they_were_made_as_runs_tell_when_they_were_launched():
    assert str(models(FakeService())["created_at"].dt.tz) == "UTC", "of no models, too"
    nbt.connect("local").create_model(name="icons", type="flux.2-dev-lora")
    (made,) = models()["created_at"]
    assert abs(pd.Timestamp.now("UTC") - made) < pd.Timedelta("5min")


@pytest.mark.parametrize("tell", [models, runs])
@pytest.mark.parametrize("given", [5, "local"])
def test_what_is_no_phoenix_is_refused(tell, given):
    with pytest.raises(InputError, match="is not a Phoenix client"):
        tell(given)
