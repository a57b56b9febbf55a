"""The launch protocol against a service that fails in every way that costs money."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_service import interrupted
from launching import lose, refuse, states

from phoenix_nbtrain.errors import (
    LaunchRefused,
    LaunchUncertain,
    PhoenixError,
    PlanLimitReached,
    PriceNotAccepted,
    ServiceError,
    ServiceFailed,
    ServiceUnreachable,
    Throttled,
)
from phoenix_nbtrain.launch import Launcher, Order, Seen, fingerprint
from phoenix_nbtrain.records import Job, LaunchReply, Quote
from phoenix_nbtrain.store.journal import Intent, Journal
from phoenix_nbtrain.text import shown


class TestPrice:
    def test_a_script_on_a_hosted_phoenix_must_say_what_it_may_cost(
        self, service, launcher, wanted
    ):
        with pytest.raises(PriceNotAccepted, match=r"1,080 CU.*start\(max_cost=1080\)"):
            launcher.launch(wanted)
        assert service.launches == []

    def test_the_local_phoenix_needs_no_cap(self, service, launcher, wanted):
        service.is_local = True
        assert not launcher.launch(wanted).already
        assert len(service.launches) == 1

    def test_a_cap_below_the_price_buys_nothing(self, service, launcher, wanted):
        with pytest.raises(PriceNotAccepted, match="more than max_cost"):
            launcher.launch(wanted, max_cost=1079.99)
        assert service.launches == []

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ("price", r"1,080 CU → 1,080\.5 CU"),
            ("time", "older than 120 s"),
            ("settings", "changed since"),
            ("set", "Someone changed"),
        ],
    )
    def test_nothing_is_bought_where_it_is_not_what_was_accepted(
        self, service, launcher, clock, wanted, other, changed, said
    ):
        seen = launcher.estimate(wanted)
        if changed == "price":
            service.price = Decimal("1080.5")
        if changed == "time":
            clock.pass_(121)
        if changed == "set":
            asset = service.upload_image("theirs.png", b"theirs")
            service.add_training_images(wanted.model_id, [asset.id])
        with pytest.raises(PriceNotAccepted, match=said):
            launcher.launch(other if changed == "settings" else wanted, accepted=seen)
        assert service.launches == []

    def test_a_price_that_fell_is_bought_at_the_new_price(self, service, launcher, wanted):
        seen = launcher.estimate(wanted)
        service.price = Decimal(900)
        assert launcher.launch(wanted, accepted=seen).intent.amount == Decimal(900)

    def test_an_estimate_buys_once(self, service, launcher, wanted):
        seen = launcher.estimate(wanted)
        launcher.launch(wanted, accepted=seen)
        service.finish(wanted.model_id, "failed")
        with pytest.raises(PriceNotAccepted, match="already been accepted once"):
            launcher.launch(wanted, accepted=seen)
        assert len(service.launches) == 1
        assert service.count("quote_training") == 2, "what is spent is not priced again"

    @pytest.mark.parametrize("job", [Job(id="job_surprise"), None], ids=["a job", "no job"])
    @pytest.mark.parametrize(
        ("kind", "remedy"),
        [
            ("training", "Look at nbt.runs(). training.stop() ends it."),
            ("download", "Look at nbt.runs()."),
        ],
    )
    def test_a_dry_run_that_answers_as_a_launch_is_journalled_and_loud(
        self, service, launcher, journal, wanted, take, monkeypatch, job, kind, remedy
    ):
        model = service.get_model(take.model_id)
        launcher.run_of(model)
        launcher.launch(take, max_cost=5)
        launcher.settle_download(model)
        launcher.launch(replace(wanted, model_id=service.seed("another").id), max_cost=2000)
        asked = replace(take, epoch="3") if kind == "download" else wanted
        reply = LaunchReply(outcome="launched", job=job)
        monkeypatch.setattr(service, f"quote_{kind}", lambda *_, **__: reply)
        with pytest.raises(LaunchUncertain, match="dry run as a launch") as caught:
            launcher.estimate(asked)
        assert caught.value.remedy == remedy
        intent = journal.intents(kind=kind)[0]
        assert (intent.state, intent.job_id) == ("running", job.id if job else None)
        assert intent.reason == "a dry run was answered with a job"

    @pytest.mark.parametrize(
        "wanted",
        [
            Order(model_id="model_1", parameters={"nbEpochs": 7}, fingerprint="f"),
            Order(kind="download", model_id="model_1", epoch="3", held=True, fingerprint="f"),
        ],
        ids=["training", "download"],
    )
    def test_an_estimate_is_of_what_was_ordered(self, service, launcher, monkeypatch, wanted):
        quote = Quote(amount=Decimal(9), discount=Decimal(1), details={"a": Decimal(9)})
        asked: list[object] = []

        def ask(*given: object, **named: object) -> Quote:
            asked.extend([*given, *named.values()])
            return quote

        monkeypatch.setattr(service, f"quote_{wanted.kind}", ask)
        estimate = launcher.estimate(wanted)
        what = wanted.epoch if wanted.kind == "download" else wanted.parameters
        assert asked == ["model_1", what]
        assert (estimate.kind, estimate.model_id) == (wanted.kind, "model_1")
        assert (estimate.epoch, estimate.held) == (wanted.epoch, wanted.held)
        assert (estimate.amount, estimate.discount) == (Decimal(9), Decimal(1))
        assert estimate.details == {"a": Decimal(9)}

    @pytest.mark.parametrize(
        ("status", "said"), [("y" * 99, shown("y" * 99, 40)), ("", "of no status")]
    )
    def test_a_status_that_may_stand_for_a_run_is_named(
        self, service, launcher, status, said, wanted
    ):
        service._put(service.models[wanted.model_id], status=status)
        with pytest.raises(LaunchRefused) as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.message == f"The model is {said}; nothing was launched."
        assert caught.value.remedy.startswith("Training can start from new, trained, failed or")


class TestOutcome:
    def test_a_launch_is_written_down_before_it_is_sent(self, service, launcher, journal, wanted):
        seen: list[list[str]] = []
        service.before["trigger_training"] = lambda: seen.append(states(journal))
        launcher.launch(wanted, max_cost=2000)
        assert seen == [["submitting"]]
        assert states(journal) == ["running"]

    @pytest.mark.parametrize(
        "error",
        [
            ServiceError("No.", status=400),
            PlanLimitReached(
                "No.", status=429, details={"actionName": "parallel-training", "actionLimit": 0}
            ),
            ServiceUnreachable("Refused.", sent=False),
        ],
        ids=["400", "plan limit", "not sent"],
    )
    def test_a_refusal_leaves_the_model_free_for_another_launch(
        self, service, launcher, wanted, error
    ):
        refuse(service, launcher, wanted, error)
        assert not launcher.launch(wanted, max_cost=2000).already

    @pytest.mark.parametrize(
        "error",
        [
            ServiceUnreachable("Timed out.", sent=True),
            ServiceFailed("Bad gateway.", status=502),
            Throttled("Slow down.", status=429),
            ServiceError("Conflict.", status=409),
        ],
        ids=["timeout", "502", "throttle", "409"],
    )
    def test_a_lost_reply_is_adopted_and_never_sent_again(self, service, launcher, error, wanted):
        service.after["trigger_training"] = error
        launched = launcher.launch(wanted, max_cost=2000)
        assert launched.intent.state == "running"
        assert launched.already is False
        assert launched.said == "Started. The first reply was lost, but the service shows the run."
        for _ in range(3):
            assert launcher.launch(wanted, max_cost=2000).already
        assert service.count("trigger_training") == 1

    def test_a_lost_request_stays_uncertain_and_is_never_sent_again(
        self, service, launcher, journal, wanted
    ):
        lost = ServiceUnreachable("Reset.", sent=True)
        service.before["trigger_training"] = lost
        with pytest.raises(LaunchUncertain, match=r"\(Reset") as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.__cause__ is lost
        for again in (False, True, False, True):
            with pytest.raises(LaunchUncertain, match=r"\(Reset"):
                launcher.launch(wanted, max_cost=2000, again=again)
        assert service.count("trigger_training") == 1
        assert states(journal) == ["uncertain"]

    def test_an_uncertain_launch_is_left_by_reading(self, service, launcher, journal, wanted):
        lose(service, launcher, wanted)
        service.trigger_training(wanted.model_id, {})  # it had arrived, and shows only now
        assert launcher.launch(wanted, max_cost=2000).already
        assert states(journal) == ["running"]

    def test_ctrl_c_while_the_request_is_out_is_uncertain(self, service, launcher, journal, wanted):
        service.after["trigger_training"] = interrupted
        with pytest.raises(KeyboardInterrupt):
            launcher.launch(wanted, max_cost=2000)
        assert states(journal) == ["uncertain"]
        assert launcher.launch(wanted, max_cost=2000).already
        assert service.count("trigger_training") == 1

    def test_a_reply_of_269_launched_nothing(self, service, launcher, journal, monkeypatch, wanted):
        monkeypatch.setattr(service, "trigger_training", lambda *_: LaunchReply(outcome="quoted"))
        with pytest.raises(LaunchRefused, match="launched nothing") as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.remedy == "Start again."
        assert states(journal) == ["rejected"]

    @pytest.mark.parametrize("job", [None, Job(id="")], ids=["no job", "no id"])
    def test_a_reply_that_names_no_job_is_looked_into(
        self, service, launcher, journal, monkeypatch, job, wanted
    ):
        reply = LaunchReply(outcome="launched", job=job)
        with monkeypatch.context() as patch:
            patch.setattr(service, "trigger_training", lambda *_: reply)
            with pytest.raises(LaunchUncertain, match="the reply names no job"):
                launcher.launch(wanted, max_cost=2000)
        assert [(i.state, i.reason) for i in journal.intents()] == [
            ("uncertain", "the reply names no job")
        ]

    def test_one_that_was_given_up_before_it_was_sent_is_not_sent(
        self, service, launcher, journal, monkeypatch, wanted
    ):
        prepare = journal.prepare

        def given_up(intent: Intent, *, newest: str | None) -> bool:
            done = prepare(intent, newest=newest)
            journal.move(intent.intent_id, "not_sent", only_from={"prepared"})
            return done

        monkeypatch.setattr(journal, "prepare", given_up)
        with pytest.raises(LaunchRefused, match="given up before it was sent") as caught:
            launcher.launch(wanted, max_cost=2000)
        assert caught.value.remedy == "Start again."
        assert service.launches == []

    def test_no_journal_no_launch(self, service, tmp_path, wanted):
        path = tmp_path / "journal.sqlite3"
        path.write_bytes(b"this is no database, and somebody may want it back")
        with pytest.raises(PhoenixError, match="left unchanged"):
            Launcher(service, Journal(path)).launch(wanted, max_cost=2000)
        assert service.launches == []
        assert path.read_bytes().startswith(b"this is no database")


@pytest.fixture
def real_time(tmp_path) -> Journal:
    """A journal whose clock goes on by itself, for launches from several threads."""
    return Journal(tmp_path / "real.sqlite3")


class TestTwice:
    def test_what_is_bought_is_not_bought_again(self, service, launcher, wanted):
        first = launcher.launch(wanted, max_cost=2000)
        running = launcher.launch(wanted, max_cost=2000)
        assert running.said.startswith("Running since")
        assert running.intent == first.intent
        service.finish(first.intent.model_id)
        second = launcher.launch(wanted, max_cost=2000)
        assert second.already
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(first.intent.at))
        assert (
            second.said == f"Trained on {day}; not bought again. To train again: start(again=True)."
        )
        assert len(service.launches) == 1

    def test_a_purchase_that_other_runs_followed_says_so(self, service, launcher, other, wanted):
        for order in (wanted, other):
            launcher.launch(order, max_cost=2000)
            service.finish(wanted.model_id)
        said = launcher.launch(wanted, max_cost=2000).said
        assert re.fullmatch(
            r"Trained on [-0-9]{10} \d\d:\d\d, though another run has followed; not bought "
            r"again\. To train again: start\(again=True\)\.",
            said,
        )

    def test_a_download_says_when_it_was_bought(self, service, launcher, take):
        bought = launcher.launch(take, max_cost=5).intent
        again = launcher.launch(take, max_cost=5)
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(bought.at))
        assert again.already is True
        assert again.said.startswith(
            f"Bought on {day}; not bought again. To buy it again: download(again=True)"
        )
        assert service.downloads == [None]

    @pytest.mark.parametrize(
        ("end", "what"),
        [("trained", "again"), ("trained", "other settings"), ("failed", "the same")],
    )
    def test_what_may_be_bought_after_a_run(self, service, launcher, wanted, other, end, what):
        launcher.launch(wanted, max_cost=2000)
        service.finish(wanted.model_id, end)
        order = other if what == "other settings" else wanted
        assert not launcher.launch(order, max_cost=2000, again=what == "again").already
        assert len(service.launches) == 2

    def test_a_run_that_somebody_else_started_is_joined(self, service, launcher, journal, wanted):
        service.trigger_training(wanted.model_id, {})
        joined = launcher.launch(wanted, max_cost=2000)
        assert joined.already
        assert joined.said.startswith("Running since ")
        assert joined.intent == journal.intents()[0]
        assert len(service.launches) == 1
        assert [i.estimate_id for i in journal.intents()] == [None]

    def test_fifty_clicks_at_once_are_one_launch(self, service, real_time, wanted):
        launcher = Launcher(service, real_time)
        seen = launcher.estimate(wanted)
        service.after["trigger_training"] = lambda: time.sleep(0.1)

        with ThreadPoolExecutor(16) as pool:
            clicks = [pool.submit(launcher.launch, wanted, accepted=seen) for _ in range(50)]
        assert len(service.launches) == 1
        assert [click.result().already for click in clicks].count(False) == 1

    def test_ctrl_c_between_writing_and_sending_frees_the_model_at_once(
        self, launcher, journal, monkeypatch, wanted
    ):
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(launcher._sending, "send", interrupt)
            with pytest.raises(KeyboardInterrupt):
                launcher.launch(wanted, max_cost=2000)
        (intent,) = journal.intents()
        assert (intent.state, intent.reason) == ("not_sent", "interrupted")
        assert not launcher.launch(wanted, max_cost="2000 CU").already
        assert states(journal) == ["running", "not_sent"]

    def test_a_killed_kernel_is_not_waited_for_and_what_it_sent_is_uncertain(
        self, service, launcher, journal, wanted
    ):
        model = service.get_model(wanted.model_id)
        first, second = (
            launcher._reconciler.intent(
                wanted, model, state="prepared", estimate_id=i, amount=Decimal(1)
            )
            for i in ("one", "two")
        )
        assert journal.prepare(first, newest=None)
        found = launcher.reconcile(model)
        assert (found.state, found.reason) == ("not_sent", "given up before it was sent")
        assert journal.prepare(second, newest=first.intent_id)
        journal.move(second.intent_id, "submitting", only_from={"prepared"})
        with pytest.raises(LaunchUncertain):
            launcher.launch(wanted, max_cost=2000)
        assert states(journal) == ["uncertain", "not_sent"]
        assert service.launches == []

    def test_a_kernel_that_is_still_sending_is_waited_for(self, service, real_time, wanted):
        here, waited = Launcher(service, real_time), threading.Event()

        def wait(_: float) -> None:
            waited.set()
            time.sleep(0.01)

        there = Launcher(service, real_time, sleep=wait)
        # The first one's request is out until the second has begun to wait for it.
        service.before["trigger_training"] = lambda: waited.wait(10)
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(here.launch, wanted, max_cost=2000)
            while states(real_time) != ["submitting"]:
                time.sleep(0.01)
            second = pool.submit(there.launch, wanted, max_cost=2000)
            assert not first.result(20).already
            assert second.result(20).already
        assert waited.is_set()
        assert len(service.launches) == 1


class TestBeaten:
    """Another kernel launches while this one asks for the price."""

    @pytest.fixture
    def meanwhile(self, service, launcher, wanted) -> Callable[..., None]:
        def meanwhile(order: Order, end: str, **accepted: Any) -> None:
            def there() -> None:
                del service.before["quote_training"]
                launcher.launch(order, max_cost=2000, **accepted)
                service.finish(wanted.model_id, end)

            service.before["quote_training"] = there

        return meanwhile

    def test_the_same_thing_bought_there_is_not_bought_here(
        self, service, launcher, journal, meanwhile, wanted
    ):
        meanwhile(wanted, "trained")
        launched = launcher.launch(wanted, max_cost=2000)
        assert launched.already is True
        assert launched.said == "Launched elsewhere just now."
        assert launched.intent == journal.intents()[0]
        assert len(service.launches) == 1

    def test_a_download_bought_there_is_not_bought_here_whatever_else_is(
        self, service, launcher, take, other
    ):
        model = service.seed("another")
        service.held[model.id] = "j0"

        def there() -> None:
            del service.before["quote_download"]
            launcher.launch(take, max_cost=5)
            launcher.settle_download(service.get_model(take.model_id))
            launcher.launch(other, max_cost=2000)
            launcher.launch(replace(take, model_id=model.id, fingerprint="h"), max_cost=5)

        service.before["quote_download"] = there
        launched = launcher.launch(take, max_cost=5)
        assert launched.said == "Launched elsewhere just now."
        assert launched.intent.fingerprint == take.fingerprint

    @pytest.mark.parametrize("end", ["trained", "failed"])
    def test_another_thing_bought_there_is_told(
        self, service, launcher, meanwhile, end, other, wanted
    ):
        seen = launcher.estimate(wanted)
        meanwhile(other, end)
        with pytest.raises(LaunchRefused, match="came first and did not run") as caught:
            launcher.launch(wanted, accepted=seen)
        assert caught.value.remedy == "Start again."
        assert len(service.launches) == 1

    def test_a_price_that_was_accepted_there_is_spent(self, service, launcher, meanwhile, wanted):
        seen = launcher.estimate(wanted)
        meanwhile(wanted, "failed", accepted=seen)
        with pytest.raises(PriceNotAccepted, match="already been accepted once") as caught:
            launcher.launch(wanted, accepted=seen)
        assert caught.value.remedy == "Estimate again."
        assert len(service.launches) == 1


class TestFingerprint:
    def test_order_of_images_and_unicode_form_do_not_matter(self):
        a = fingerprint("m", images=[("1", "é"), ("2", "b")], pairs=[], parameters={})
        b = fingerprint("m", images=[("2", "b"), ("1", "e\u0301")], pairs=[], parameters={})
        assert a == b

    @pytest.mark.parametrize(
        "other",
        [
            {"model_id": "n"},
            {"images": [("1", "b")]},
            {"images": [("2", "a")]},
            {"pairs": [("2", "1", "x")]},
            {"pairs": [("1", "2", "y")]},
            {"parameters": {"rank": 3}},
        ],
    )
    def test_everything_that_is_bought_matters(self, other):
        base = {
            "model_id": "m",
            "images": [("1", "a")],
            "pairs": [("1", "2", "x")],
            "parameters": {"rank": 2},
        }

        def of(values: dict[str, object]) -> str:
            model_id = values.pop("model_id")
            return fingerprint(model_id, **values)

        assert of({**base, **other}) != of(dict(base))


def test_a_launch_of_another_kernel_since_the_model_was_read_is_not_followed_by_ours(
    launcher, service, journal, other, wanted
):
    seen = Seen(model=service.get_model(wanted.model_id), newest=None)
    there = Launcher(service, journal, sleep=lambda seconds: None)
    there.launch(other, max_cost=2000)
    there.reconcile(service.finish(wanted.model_id))
    with suppress(LaunchRefused):
        assert launcher.launch(wanted, max_cost=2000, again=True, seen=seen).already
    assert len(service.launches) == 1
