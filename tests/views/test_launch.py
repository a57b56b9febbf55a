"""The launch panel: nothing is bought unseen, and a click names the price it was made for."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from decimal import Decimal

import pytest
from views.buying import Buying, alive, estimate, quiet, ready, said, visible
from views.fakes import EDIT, image, images, pair

from phoenix_nbtrain.clock import moment
from phoenix_nbtrain.session.state import PriceState
from phoenix_nbtrain.widgets.launch import LaunchPanel

__all__ = ["quiet"]


def display(panel: LaunchPanel) -> None:
    panel.dressing._handle_custom_msg({"kind": "displayed"}, [])


def test_being_made_asks_for_nothing_and_being_displayed_asks_for_the_price() -> None:
    training = ready()
    panel = LaunchPanel(training)
    assert training.calls == []
    display(panel)
    assert training.calls == ["estimate", "watch"]
    panel._repr_mimebundle_()
    assert training.calls.count("estimate") == 2


def test_the_price_stands_on_the_panel_and_on_the_button() -> None:
    training = ready(24)
    panel = LaunchPanel(training)
    assert "1,296 <small>simulated CU" in panel._price.value
    assert panel._start.description == "Start: 1,296 simulated CU"
    assert not panel._start.disabled
    assert "<span>per epoch</span><span>129.60</span>" in panel._price.value
    assert "Local Phoenix · nothing is charged" in panel._head.value
    assert 'data-nbt-since="' in panel._head.value
    training.price(estimate(1080, discount=Decimal(120)))
    assert "<span>discount</span><span>−120</span>" in panel._price.value


def test_it_takes_two_clicks_and_names_the_estimate_that_was_seen() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    assert training.starts() == []
    assert visible(panel._confirm)
    assert not visible(panel._start)
    assert panel._yes.description == "Start for 1,296 simulated CU"
    panel._yes.click()
    assert training.starts() == [training.state.price.estimate.estimate_id]
    assert not visible(panel._confirm)


def test_not_now_starts_nothing() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    panel._no.click()
    panel._yes.click()  # a click that was on its way
    assert training.starts() == []
    assert visible(panel._start)


def test_fifty_replayed_clicks_name_one_estimate_and_the_training_decides() -> None:
    training = ready()
    seen = training.state.price.estimate
    panel = LaunchPanel(training)
    panel._start.click()
    for _ in range(50):
        panel._yes.click()
        training.price(estimate())  # meanwhile newer prices come in
    assert training.starts() == [seen.estimate_id] * 50


def test_the_question_closes_when_what_it_asks_about_changes() -> None:
    training = ready()
    panel = LaunchPanel(training)
    for changed in (
        lambda: training.price(estimate(1300)),
        lambda: training.price(estimate(fingerprint="another")),
        lambda: training.price(acceptable=False),
    ):
        training.price()
        panel._start.click()
        assert visible(panel._confirm)
        changed()
        assert not visible(panel._confirm)
        panel._yes.click()
        assert training.starts() == []
        assert "changed while you looked" in panel._note.value


def test_the_same_price_of_the_same_set_keeps_the_question_open() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    training.change(price=replace(training.state.price, phase="estimating"))
    newer = training.price()
    assert visible(panel._confirm)
    panel._yes.click()
    assert training.starts() == [newer.estimate_id]


def test_a_click_while_the_same_price_is_looked_up_again_is_not_lost() -> None:
    training = ready()
    panel = LaunchPanel(training)
    training.change(price=replace(training.state.price, phase="estimating"))
    assert not panel._start.disabled
    panel._start.click()
    assert visible(panel._confirm)
    training.change(price=replace(training.state.price, phase="failed"))
    assert panel._start.disabled


def test_an_old_price_is_asked_for_anew_with_the_question() -> None:
    training = Buying(images(2))
    now = moment()
    training.price(estimate(made=replace(now, ticks=now.ticks - 100)))
    panel = LaunchPanel(training)
    panel._start.click()
    assert training.calls == ["estimate"]
    training.price()
    panel._start.click()
    assert training.calls == ["estimate"]


def test_displaying_it_again_forgets_an_open_question() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    display(panel)
    assert not visible(panel._confirm)
    panel._yes.click()
    assert training.starts() == []


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (Buying, "There are no images yet."),
        (lambda: Buying(images(2)), "There is no price yet."),
        (
            lambda: Buying([image(1), image(2)], [pair(1, 1, 2)], type=EDIT),
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
    training = ready(15)
    panel = LaunchPanel(training)
    training.price(covers=10, acceptable=False)
    assert "for 10 of 15" in panel._price.value
    assert panel._start.disabled
    assert "5 images not on the service yet" in panel._note.value
    training.price(acceptable=False)
    assert panel._start.disabled
    assert "changed since this price" in panel._note.value


def test_a_pair_that_is_never_sent_is_named_rather_than_waited_for() -> None:
    rows = [pair(n, n, n + 1) for n in range(1, 7)]
    training = Buying([image(n) for n in range(1, 7)], rows, type=EDIT)
    panel = LaunchPanel(training)
    training.price(covers=5, of=6, acceptable=False)
    assert panel._start.disabled
    assert (
        "Pair 6: its target picture was removed. Nothing starts until that pair is repaired or "
        "deleted." in panel._note.value
    )
    assert "follows" not in panel._note.value


def test_a_failed_price_says_so_and_can_be_tried_again() -> None:
    training = Buying(images(2))
    panel = LaunchPanel(training)
    training.change(price=PriceState(phase="failed", message="No reply <b>yet</b>."))
    assert "No reply &lt;b&gt;yet&lt;/b&gt;." in panel._price.value
    assert panel._start.disabled
    panel._again.click()
    assert training.calls == ["estimate"]


def test_a_running_training_has_no_start() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    at = time.mktime((2026, 1, 2, 14, 2, 0, 0, 0, -1))
    training.runs(started_at=at)
    assert not visible(panel._start)
    assert not visible(panel._confirm)
    assert "<b>Running since 2026-01-02 14:02.</b>" in panel._note.value


def test_an_uncertain_start_says_so_and_offers_only_to_look() -> None:
    training = ready()
    panel = LaunchPanel(training)
    training.launching("uncertain", "A launch was sent and nothing tells what it did.")
    assert not visible(panel._start)
    assert "not certain" in panel._note.value
    assert panel._again.description == "Look again"
    training.calls.clear()
    panel._again.click()
    assert training.calls == ["watch"]


def test_starting_and_stopping_have_no_start() -> None:
    training = ready()
    panel = LaunchPanel(training)
    for phase in ("starting", "stopping"):
        training.launching(phase)
        assert not visible(panel._start)


def test_a_refusal_is_told_and_another_start_is_possible() -> None:
    training = ready()
    panel = LaunchPanel(training)
    training.launching("refused", "The price rose: <1> → 2.")
    assert "The price rose: &lt;1&gt; → 2." in panel._note.value
    assert visible(panel._start)
    assert not panel._start.disabled


def test_a_cost_that_nobody_accepted_is_told_loudly_until_another_start() -> None:
    training = ready()
    panel = LaunchPanel(training)
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
    training = ready()
    panel = LaunchPanel(training)
    training.launching("idle", "Started for 1,296 simulated CU.")
    training.runs()
    assert "Started for" in panel._note.value
    training.calls.clear()
    training.runs("trained")
    assert "Started for" not in panel._note.value
    assert training.calls == ["estimate"]
    training.launching("idle", "Trained on Monday, not bought again.")
    assert "not bought again" in panel._note.value


@pytest.mark.parametrize(
    ("status", "words"), [("failed", "a failed training"), ("training-canceled", "a stopped")]
)
def test_after_an_early_end_it_says_what_the_service_leaves_open(status: str, words: str) -> None:
    training = ready()
    panel = LaunchPanel(training)
    assert "does not state" not in said(panel)
    training.runs(status)
    assert f"does not state whether {words}" in said(panel)
    assert not panel._start.disabled


def test_money_is_named_where_it_is_charged() -> None:
    training = Buying(images(2))
    training.is_local, training.where = False, "Hosted Phoenix · training costs money"
    training.price(estimate(12, unit="CU"))
    panel = LaunchPanel(training)
    assert "nbt-paid" in panel._head.value
    panel._start.click()
    assert "for 12 CU? It is charged once." in panel._question.value
    assert panel._yes.description == "Start for 12 CU"


def test_no_estimate_id_is_in_the_state_of_any_widget() -> None:
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    assert training.state.price.estimate.estimate_id not in said(panel)


def test_closing_leaves_nothing_open_and_hears_nothing() -> None:
    before = alive()
    training = ready()
    panel = LaunchPanel(training)
    panel._start.click()
    panel.close()
    assert alive() == before
    assert training.subscribers == []
    display(panel)
    assert training.calls == []
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
