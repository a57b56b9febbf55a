"""The launch panel: nothing is bought unseen, and a click names the price it was made for."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from decimal import Decimal

import pytest
from trainings import EDIT, StagedTraining, image, images, pair, ready, training_of
from views.panels import alive, quiet, said, visible

from phoenix_nbtrain.errors import ServiceError
from phoenix_nbtrain.widgets.launch import LaunchPanel

__all__ = ["quiet"]


def opened() -> tuple[StagedTraining, LaunchPanel]:
    training = ready()
    return training, LaunchPanel(training)


def display(panel: LaunchPanel) -> None:
    panel.dressing._handle_custom_msg({"kind": "displayed"}, [])


def quotes(training: StagedTraining) -> int:
    """Return how often the service has been asked for the price, once what is due is done."""
    training.runner.advance(0.5)
    return training.service.count("quote_training")


def caption(training: StagedTraining, words: str) -> None:
    cell = {"op": "set", "table": "images", "row": "img_1", "column": "caption"}
    training.edit([{**cell, "value": words}]).result()


def test_being_made_asks_for_nothing_and_being_displayed_asks_for_the_price() -> None:
    training, panel = opened()
    training.runner.advance(5)
    assert training.service.calls == []
    display(panel)
    assert quotes(training) == 1
    panel._repr_mimebundle_()
    assert quotes(training) == 2


def test_being_displayed_looks_after_the_run() -> None:
    training, panel = opened()
    training.service.launch("model_1")  # by somebody else
    display(panel)
    assert (quotes(training), training.state.training) == (0, True)


def test_the_price_stands_on_the_panel_and_on_the_button() -> None:
    training = ready(24)
    panel = LaunchPanel(training)
    assert "1,296 <small>simulated CU" in panel._price.value
    assert panel._start.description == "Start: 1,296 simulated CU"
    assert not panel._start.disabled
    assert "<span>per epoch</span><span>129.60</span>" in panel._price.value
    assert "Local Phoenix · nothing is charged" in panel._head.value
    assert 'data-nbt-since="' in panel._head.value
    training.service.discount = Decimal(120)
    training.price(1080)
    assert "<span>discount</span><span>−120</span>" in panel._price.value


def test_it_takes_two_clicks_and_however_many_follow_it_starts_once() -> None:
    training, panel = opened()
    panel._start.click()
    assert training.service.launches == []
    assert visible(panel._confirm)
    assert not visible(panel._start)
    assert panel._yes.description == "Start for 1,296 simulated CU"
    for _ in range(50):
        panel._yes.click()
        assert not visible(panel._confirm)
    assert len(training.service.launches) == 1 and training.state.training


def test_not_now_starts_nothing() -> None:
    training, panel = opened()
    panel._start.click()
    panel._no.click()
    panel._yes.click()  # a click that was on its way
    assert training.service.calls == []
    assert visible(panel._start)


def test_replayed_clicks_name_the_price_that_was_seen_and_no_newer_one() -> None:
    training, panel = opened()
    panel._start.click()
    training.service.price = Decimal(1300)
    for _ in range(20):
        panel._yes.click()
        assert training.state.launch.message.startswith("The cost rose: 1,296")
        training.price(1300)
    assert training.service.launches == []


def test_the_question_closes_when_what_it_asks_about_changes() -> None:
    training, panel = opened()

    def another_set_of_the_same_price() -> None:
        with training.at_once():
            caption(training, "a fox")
            training.price()

    for changed in (
        lambda: training.price(1300),
        another_set_of_the_same_price,
        lambda: caption(training, "a dog"),
    ):
        training.price()
        panel._start.click()
        assert visible(panel._confirm)
        changed()
        assert not visible(panel._confirm)
        panel._yes.click()
        assert training.service.launches == []
        assert "its cost has changed" in panel._note.value


def test_the_same_price_of_the_same_set_keeps_the_question_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training, panel = opened()
    panel._start.click()
    training.change(price=replace(training.state.price, phase="estimating"))
    newer = training.price()
    assert visible(panel._confirm)
    named: list[str] = []
    monkeypatch.setattr(training.session.purchase, "start_shown", named.append)
    panel._yes.click()
    assert named == [newer.estimate_id]


def test_a_click_while_the_same_price_is_looked_up_again_is_not_lost() -> None:
    training, panel = opened()
    training.change(price=replace(training.state.price, phase="estimating"))
    assert not panel._start.disabled
    panel._start.click()
    assert visible(panel._confirm)
    training.change(price=replace(training.state.price, phase="failed"))
    assert panel._start.disabled


def test_an_old_price_is_asked_for_anew_with_the_question() -> None:
    training = ready()
    price = training.state.price
    assert price.estimate is not None
    made = replace(price.estimate.made, ticks=price.estimate.made.ticks - 100)
    training.change(price=replace(price, estimate=replace(price.estimate, made=made)))
    panel = LaunchPanel(training)
    panel._start.click()
    assert quotes(training) == 1
    panel._start.click()
    assert quotes(training) == 1


def test_displaying_it_again_forgets_an_open_question() -> None:
    training, panel = opened()
    panel._start.click()
    display(panel)
    assert not visible(panel._confirm)
    panel._yes.click()
    assert training.service.launches == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (training_of, "There are no images yet."),
        (lambda: training_of(images(2)), "The cost is not known yet."),
        (
            lambda: training_of([image(1), image(2)], [pair(1, 1, 2)], type=EDIT),
            "needs at least 2",
        ),
    ],
)
def test_what_cannot_start_says_why(make, reason: str) -> None:
    training = make()
    panel = LaunchPanel(training)
    assert panel._start.disabled
    assert reason in panel._note.value
    panel._start.click()
    assert not visible(panel._confirm)


def test_a_parameter_that_both_sides_changed_waits_for_a_choice() -> None:
    training = ready(6)
    panel = LaunchPanel(training)
    assert not panel._start.disabled
    both = replace(training.state.draft, config={"epochs": 7}, config_theirs={"epochs": 12})
    training.change(draft=both, price=replace(training.state.price, acceptable=False))
    assert panel._start.disabled
    assert "someone else set 12 on the service. Keep one of the two." in panel._note.value


def test_a_price_of_part_of_the_set_cannot_be_accepted() -> None:
    training = training_of([*images(10), *(image(n, saved=False) for n in range(10, 15))])
    panel = LaunchPanel(training)
    display(panel)
    assert quotes(training) == 1
    assert "for 10 of 15" in panel._price.value
    assert panel._start.disabled
    assert "5 images still uploading" in panel._note.value
    training.price()
    caption(training, "a fox")
    assert panel._start.disabled
    assert "Settings changed" in panel._note.value


def test_a_pair_that_is_never_sent_is_named_rather_than_waited_for() -> None:
    rows = [pair(n, n, n + 1) for n in range(1, 7)]
    training = training_of([image(n) for n in range(1, 7)], rows, type=EDIT)
    panel = LaunchPanel(training)
    display(panel)
    assert quotes(training) == 1
    assert panel._start.disabled
    assert (
        "Pair 6: its target image was removed. Nothing starts until that pair is repaired or "
        "deleted." in panel._note.value
    )
    assert "follows" not in panel._note.value


def test_a_failed_price_says_so_and_can_be_tried_again() -> None:
    def refused() -> None:
        raise ServiceError("No reply <b>yet</b>.", status=400)

    training = training_of(images(2))
    panel = LaunchPanel(training)
    training.service.before["quote_training"] = refused
    display(panel)
    assert quotes(training) == 1
    assert "No reply &lt;b&gt;yet&lt;/b&gt;." in panel._price.value
    assert panel._start.disabled
    training.service.before.clear()
    panel._again.click()
    assert quotes(training) == 2 and not panel._start.disabled


def test_a_running_training_has_no_start() -> None:
    training, panel = opened()
    panel._start.click()
    at = time.mktime((2026, 1, 2, 14, 2, 0, 0, 0, -1))
    training.runs(started_at=at)
    assert not visible(panel._start)
    assert not visible(panel._confirm)
    assert "<b>Running since 2026-01-02 14:02.</b>" in panel._note.value


def test_an_uncertain_start_says_so_and_offers_only_to_look() -> None:
    training, panel = opened()
    training.launching("uncertain", "A launch was sent, but what became of it is unknown.")
    assert not visible(panel._start)
    assert "confirm that training started" in panel._note.value
    assert panel._again.description == "Look again"
    panel._again.click()
    assert quotes(training) == 0
    assert training.service.calls == ["get_model"]


def test_starting_and_stopping_have_no_start() -> None:
    training, panel = opened()
    for phase in ("starting", "stopping"):
        training.launching(phase)
        assert not visible(panel._start)


def test_a_refusal_is_told_and_another_start_is_possible() -> None:
    training, panel = opened()
    training.launching("refused", "The cost rose: <1> → 2.")
    assert "The cost rose: &lt;1&gt; → 2." in panel._note.value
    assert visible(panel._start)
    assert not panel._start.disabled


def test_a_cost_that_nobody_accepted_is_told_loudly_until_another_start() -> None:
    training, panel = opened()
    words = "Phoenix started it for 1,500 CU, not for the 1,296 CU that were accepted."
    training.launching("idle", words, warning=True)
    training.runs()
    assert 'nbt-warn" role="alert"' in panel._note.value
    assert words in panel._note.value
    training.runs("trained")
    assert "nbt-warn" in panel._note.value
    assert words in panel._note.value
    training.launching("idle", "Started for 1,296 CU.")
    assert "nbt-warn" not in panel._note.value


def test_after_the_end_its_start_is_no_news_and_the_price_is_asked_for() -> None:
    training, panel = opened()
    training.launching("idle", "Started for 1,296 simulated CU.")
    training.runs()
    assert "Started for" in panel._note.value
    training.runs("trained")
    assert "Started for" not in panel._note.value
    assert quotes(training) == 1
    training.launching("idle", "Trained on Monday, not bought again.")
    assert "not bought again" in panel._note.value


@pytest.mark.parametrize(
    ("status", "words"),
    [("failed", "able to start again"), ("training-canceled", "able to start again")],
)
def test_after_an_early_end_it_says_what_the_service_leaves_open(status: str, words: str) -> None:
    training, panel = opened()
    assert "able to start again" not in said(panel)
    training.runs(status)
    assert words in said(panel)
    assert not panel._start.disabled


def test_money_is_named_where_it_is_charged() -> None:
    training = training_of(images(2), is_local=False)
    training.price(12)
    panel = LaunchPanel(training)
    assert "nbt-paid" in panel._head.value
    panel._start.click()
    assert "for 12 CU? It is charged once." in panel._question.value
    assert panel._yes.description == "Start for 12 CU"


def test_no_estimate_id_is_in_the_state_of_any_widget() -> None:
    training, panel = opened()
    panel._start.click()
    assert training.state.price.estimate.estimate_id not in said(panel)


def test_closing_leaves_nothing_open_and_hears_nothing() -> None:
    before = alive()
    training, panel = opened()
    panel._start.click()
    panel.close()
    assert alive() == before
    assert training.hears == 0
    display(panel)
    training.runner.advance(5)
    assert training.service.calls == []
    gone = weakref.ref(panel)
    del panel
    gc.collect()
    assert gone() is None


def test_it_reads_well_as_plain_text() -> None:
    training = ready()
    expected = (
        "LaunchPanel: animal stickers · 1,296 simulated CU · Local Phoenix · nothing is charged"
    )
    assert repr(LaunchPanel(training)) == expected
