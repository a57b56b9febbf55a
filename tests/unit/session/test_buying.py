"""Price, start and stop as views ask for them: nothing blocks, nothing is bought twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from clocks import SetClock, launches_by
from fake_service import FakeService, down, lost

from phoenix_nbtrain.errors import (
    InputError,
    LaunchRefused,
    LaunchUncertain,
    ModelNameTaken,
    NotFound,
    PriceNotAccepted,
    ServiceError,
    ServiceUnreachable,
)
from phoenix_nbtrain.images.drawings import icon
from phoenix_nbtrain.launch import money
from phoenix_nbtrain.records import Model
from phoenix_nbtrain.runner import InlineRunner, ThreadRunner
from phoenix_nbtrain.session.opening import Opening
from phoenix_nbtrain.session.overview import runs
from phoenix_nbtrain.session.state import Estimate, LaunchState, PriceState
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.training import Training

REFUSED = ServiceError("Not an image we take.", status=400)


@pytest.fixture
def priced(training, runner) -> Callable[[], PriceState]:
    """Show the price, and return what is shown."""

    def priced() -> PriceState:
        training._session.purchase.price_soon()
        runner.advance(5)
        return training.state.price

    return priced


def click(training: Training, estimate: Estimate) -> None:
    """Click on Start below that price."""
    training._session.purchase.start_shown(estimate.estimate_id)


def test_the_price_follows_the_settings_once_it_is_shown(training, service, runner, priced):
    first = priced()
    assert (first.phase, first.acceptable, first.covers, first.of) == ("shown", True, 4, 4)
    service.price = Decimal(2160)
    training.update_config({"epochs": 20})
    assert not training.state.price.acceptable
    runner.advance(3)
    second = training.state.price
    assert second.acceptable
    assert second.estimate.amount == Decimal(2160)


def test_a_price_for_part_of_the_set_cannot_be_accepted(training, service, runner, priced):
    service.before["upload_image"] = REFUSED
    training.add_images(icon("key", 48))
    price = priced()
    assert (price.covers, price.of, price.acceptable) == (4, 5, False)
    calls = len(service.calls)
    runner.advance(120)
    assert len(service.calls) == calls, "nothing is asked for over and over"
    click(training, price.estimate)
    assert service.launches == []
    assert training.state.launch.phase == "refused"


def test_a_launch_whose_run_cannot_be_read_is_still_a_launch(training, service):
    service.after["trigger_training"] = lambda: service.before.update(get_model=down)
    run = training.start()
    assert run.job_id == service.models[training.model_id].job_id
    assert training.state.launch.phase == "idle"
    assert "cannot be read" in training.state.problem


def test_a_price_of_part_of_the_set_is_not_that_of_the_whole_once_it_is_sent(training):
    training.add_images(icon("key", 48))
    training._session.purchase._price()  # before the fifth image was sent
    assert (training.state.price.covers, training.state.price.of) == (4, 5)
    training.sync()
    assert training.state.draft.unsent == 0
    assert not training.state.price.acceptable


def test_an_empty_set_has_no_price(opened, runner):
    training = opened()
    training._session.purchase.price_soon()
    runner.advance(3)
    assert (training.state.price.phase, training.state.price.of) == ("none", 0)


def test_fifty_queued_clicks_are_one_launch(training, service, priced):
    # A busy kernel replays every click once it is free.
    estimate = priced().estimate
    for _ in range(50):
        click(training, estimate)
    assert len(service.launches) == 1
    service.finish(training.model_id)
    for _ in range(50):
        click(training, estimate)
    assert len(service.launches) == 1


def test_fifty_clicks_from_threads_are_one_launch(service, icons):
    training = Training.open(
        "threads", type="flux.2-dev-lora", client=service, runner=ThreadRunner()
    )
    training.add_images(icons)
    estimate = training.estimate()
    with ThreadPoolExecutor(16) as pool:
        for _ in range(50):
            pool.submit(click, training, estimate)
    training._session.purchase._starting.result(20)
    assert len(service.launches) == 1


def test_a_click_on_a_price_that_is_not_shown_buys_nothing(training, service, runner, priced):
    older = priced().estimate
    click(training, replace(older, estimate_id="est_from_a_restored_widget"))
    assert service.launches == []
    assert training.state.launch.phase == "refused"
    training.update_config({"epochs": 20})
    runner.advance(3)
    training._session.store.show(launch=LaunchState())
    click(training, older)
    assert service.launches == []
    assert training.state.launch.phase == "refused"


def test_a_click_on_a_price_that_was_asked_for_anew_meanwhile_starts(training, service):
    # The panel prices again while its question is open; the set is the same, and so is the price.
    seen = training.estimate()
    training.estimate()
    click(training, seen)
    assert len(service.launches) == 1


def test_a_click_after_the_price_rose_stops_and_says_so(training, service, runner, priced):
    seen = priced().estimate
    service.price = Decimal(5000)
    click(training, seen)
    assert service.launches == []
    assert "→ 5,000" in training.state.launch.message
    runner.advance(3)
    assert training.state.price.estimate.amount == Decimal(5000)


def test_on_a_hosted_phoenix_a_script_names_its_price(opened, service, icons):
    service.is_local = False
    training = opened(images=icons)
    with pytest.raises(PriceNotAccepted, match=r"start\(max_cost=1080\)"):
        training.start()
    with pytest.raises(InputError, match="EUR"):
        training.start(max_cost="1080 EUR")
    assert service.launches == []
    assert training.start(max_cost="1080 CU").status == "training"


def test_an_uncertain_launch_shows_and_blocks_and_ends_by_reading(training, service):
    service.before["trigger_training"] = lost
    for _ in range(2):
        with pytest.raises(LaunchUncertain):
            training.start()
    assert training.state.launch.phase == "uncertain"
    assert service.count("trigger_training") == 1
    service.before.clear()
    service.trigger_training(training.model_id, {})
    training.refresh()
    assert training.state.launch.phase == "idle"
    assert training.status == "training"


def test_another_cost_than_was_accepted_is_told_in_the_run_and_in_the_state(
    training, service, runner
):
    trigger = service.trigger_training
    service.trigger_training = lambda *given: replace(trigger(*given), cost=Decimal(1296))
    words = f"started it for {money(Decimal(1296), service.unit)}, not for the 1,080"
    run = training.start()
    assert words in run.message
    for _ in range(2):
        shown = training.state.launch
        assert words in shown.message
        assert (shown.phase, shown.warning) == ("idle", True)
        training._session.store.show(launch=LaunchState())  # as in the kernel after this one
        training.refresh()
    service.finish(training.model_id)
    runner.advance(2)
    assert words in training.run.message
    assert "training.stop()" not in training.run.message, "it is over"
    assert list(runs(service)["cost"]) == [1296.0]
    trigger(training.model_id, {})  # from another computer
    training.refresh()
    assert training.state.launch == LaunchState()


def refused(training: Training, service: FakeService) -> SetClock:
    """Let a start be refused as a copy of it would be, and return the clock that counts then."""
    clock = launches_by(training)
    service.before["trigger_training"] = ServiceError("Model is already training.", status=400)
    with pytest.raises(LaunchRefused, match="already training"):
        training.start()
    service.before.clear()
    return clock


def test_a_refusal_is_shown_as_one_and_ends_by_itself(training, service, runner):
    clock = refused(training, service)
    assert training.state.run is None
    for _ in range(30):  # nobody does anything: the watch reads by itself
        clock.pass_(5)
        runner.advance(5)
        assert training.state.launch.phase == "refused"
        assert "already training" in training.state.launch.message
        assert training.run is None
    assert [i.state for i in training._session.journal.intents()] == ["rejected"]
    reads = service.count("get_model")
    runner.advance(60)
    assert service.count("get_model") - reads <= 1
    assert training.start().status == "training"


def test_a_run_that_shows_after_a_refusal_is_followed(training, service, runner):
    clock = refused(training, service)
    service.trigger_training(training.model_id, {})  # the copy of our request that was taken
    clock.pass_(5)
    runner.advance(5)
    assert training.status == "training"
    assert training.state.launch.phase == "idle"
    assert "it is running" in training.state.launch.message
    assert training.run is not None
    assert service.count("trigger_training") == 2, "one of them is this test's own"


def test_a_refusal_of_a_kernel_before_this_one_is_shown_as_one(training, service):
    refused(training, service)
    training._session.store.show(launch=LaunchState())
    training.refresh()
    assert training.state.launch.phase == "refused"
    assert "already training" in training.state.launch.message


def test_parameters_are_sent_whole_and_explicit(training, service):
    training.update_config({"epochs": 3, "sample_prompts": ["inkling, a kettle"]})
    training.start()
    assert service.launches == [
        {
            "nbEpochs": 3,
            "nbRepeats": 20,
            "learningRate": 5e-05,
            "rank": 64,
            "batchSize": 1,
            "samplePrompts": ["inkling, a kettle"],
        }
    ]


def test_stop_stops_and_a_stopped_training_may_be_started_again(training, service):
    training.start()
    training.stop()
    assert training.status == "training-canceled"
    training.start()
    assert len(service.launches) == 2


def test_stopping_nothing_says_so(training, service):
    training._session.behind("stop", training._session.purchase.stop)
    assert service.count("cancel_training") == 0
    assert training.state.launch.message == "Nothing is running."


def test_a_run_is_followed_to_its_end(training, service, runner):
    training.start()
    runner.advance(2)
    assert training.state.training
    service.finish(training.model_id)
    runner.advance(2)
    assert training.run.ended
    reads = service.count("get_model")
    runner.advance(60)
    assert service.count("get_model") - reads <= 1


def test_a_run_that_begins_while_the_last_read_of_another_ends_is_followed(
    training, service, runner
):
    training.start()
    service.finish(training.model_id, "failed")
    read = service.get_model

    def start_meanwhile(model_id: str) -> Model:
        found = read(model_id)  # as it was: failed
        service.get_model = read
        training.start()
        return found

    service.get_model = start_meanwhile
    runner.advance(1)
    service.finish(training.model_id)
    runner.advance(5)
    assert training.status == "trained"


def test_a_read_that_fails_is_shown_and_tried_again(training, service, runner):

    training.start()
    service.before["get_model"] = down
    runner.advance(2)
    assert "cannot be read" in training.state.problem
    service.before.clear()
    runner.advance(20)
    assert training.state.problem == ""


def test_attach_joins_the_last_run_and_creates_nothing(training, service, runner):
    run = training.start()
    created = service.count("create_model")
    for which in ("last", run.run_id, run.job_id, training.model_id):
        assert Training.attach(which or "", client=service, runner=runner) is training
    assert service.count("create_model") == created


def test_attach_passes_over_models_that_were_deleted(training, service, icons, runner):
    training.start()
    later = [
        Training.create(name, type="flux.2-dev-lora", client=service, runner=runner)
        for name in ("second", "third")
    ]
    for one in later:
        one.add_images(icons)
        one.start()
        service.finish(one.model_id)
        one.start(again=True)
    assert Training.attach(client=service, runner=runner) is later[1]
    for one in later:
        del service.models[one.model_id]
    assert Training.attach(client=service, runner=runner) is training
    with pytest.raises(NotFound, match=later[1].model_id):
        Training.attach(later[1].model_id, client=service, runner=runner)
    del service.models[training.model_id]
    made = service.count("create_model")
    with pytest.raises(InputError, match=r"None of the models launched.*exists anymore\. nbt"):
        Training.attach(client=service, runner=runner)
    assert service.count("create_model") == made


def test_attach_goes_to_no_other_model_where_the_newest_cannot_be_read(training, service, runner):
    training.start()
    service.before["get_model"] = down
    with pytest.raises(ServiceUnreachable):
        Training.attach(client=service, runner=runner)


def test_the_name_of_a_model_of_somebody_elses_is_not_taken_over(service, opened):
    theirs = service.create_model(name="icons", type="flux.2-dev-lora")
    with pytest.raises(ModelNameTaken, match=theirs.id) as caught:
        opened()
    assert "create" in str(caught.value)
    assert service.count("create_model") == 1
    joined = Training.open(model_id=theirs.id, client=service, runner=InlineRunner())
    assert joined.model_id == theirs.id


def test_a_name_that_another_kernel_gave_meanwhile_is_joined(service, opened):
    def other_kernel() -> None:
        service.before.clear()
        Opening(service, Journal()).open("icons", type="flux.2-dev-lora")

    read = service.list_models

    def meanwhile(*, status: str | None = None) -> Iterator[Model]:
        found = list(read(status=status))  # none of that name yet
        service.list_models = read
        other_kernel()
        return iter(found)

    service.list_models = meanwhile
    opened()
    assert service.count("create_model") == 1


def test_opening_under_another_type_says_what_it_is(opened):
    opened()
    with pytest.raises(InputError, match=r"flux\.2-dev-lora"):
        opened("zimage-lora")
    with pytest.raises(InputError, match="Did you mean"):
        opened("flux2-dev-lora")


def test_no_flight_lands_between_the_price_and_the_launch(training, service):
    # Four images were priced and sixteen trained: a background flight had come in between.
    flight = threading.Thread(target=training.sync)

    def at_the_trigger() -> None:
        flight.start()
        flight.join(0.3)
        assert flight.is_alive(), "it did not wait for the launch"

    service.before["trigger_training"] = at_the_trigger
    training.start()
    flight.join(10)
    assert not flight.is_alive()
