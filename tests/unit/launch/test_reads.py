"""What one read tells of a launch: the reconciler against a service in memory, case by case."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from phoenix_nbtrain.errors import LaunchRefused, LaunchUncertain, NotFound, PermissionDenied
from phoenix_nbtrain.launch import Launcher, Order
from phoenix_nbtrain.launch.reconcile import Reconciler
from phoenix_nbtrain.locks import at_work
from phoenix_nbtrain.records import Job, Model, TrainingProgress
from phoenix_nbtrain.store.journal import Intent, Journal
from phoenix_nbtrain.text import shown

Write = Callable[..., Intent]


@pytest.fixture
def reconciler(service, journal, clock) -> Reconciler:
    return Reconciler(service, journal, clock=clock)


@pytest.fixture
def model(service) -> Model:
    return next(iter(service.models.values()))


@pytest.fixture
def write(reconciler, journal, model) -> Write:
    """Write a launch down as if it had come to that state; ``before`` is the model then."""

    def write(state: str, *, before: Model = model, **fields: Any) -> Intent:
        kind, epoch = fields.pop("kind", "training"), fields.pop("epoch", None)
        order = Order(kind=kind, model_id=before.id, epoch=epoch, fingerprint=f"of {before.id}")
        intent = reconciler.intent(
            order, before, state="prepared", estimate_id=None, amount=Decimal(1080)
        )
        intent = replace(intent, state=state, **fields)
        newest = reconciler.newest(before.id, kind)
        assert journal.prepare(intent, newest=newest.intent_id if newest else None)
        return reconciler.again(intent)

    return write


class TestHowATrainingEnds:
    @pytest.mark.parametrize(
        ("job", "status_before", "shown", "jobs", "state"),
        [
            ("j1", "new", ("training", "j1"), {}, "running"),
            ("j1", "new", ("training", "j1"), {"j1": "success"}, "running"),
            ("j1", "new", ("training", None), {}, "running"),
            (None, "new", ("training", "j9"), {}, "running"),
            (None, "new", ("trained", None), {}, "trained"),
            (None, "new", ("failed", None), {}, "failed"),
            (None, "new", ("copying", None), {}, "running"),
            (None, "new", ("trained", "j9"), {}, "trained"),
            (None, "trained", ("trained", "j9"), {}, "running"),
            (None, "trained", ("trained", None), {}, "trained"),
            ("j1", "new", ("trained", "j1"), {}, "trained"),
            ("j1", "new", ("training-canceled", "j1"), {}, "canceled"),
            ("j1", "new", ("training", "j2"), {"j1": "success"}, "trained"),
            ("j1", "new", ("training", "j2"), {"j1": "in-progress"}, "running"),
            ("j1", "new", ("training", "j2"), {}, "running"),
            ("j1", "new", ("trained", None), {}, "trained"),
            ("j1", "trained", ("trained", None), {}, "running"),
        ],
    )
    def test_by_the_model_or_by_its_job(
        self, service, reconciler, model, write, job, status_before, shown, jobs, state
    ):
        write("running", before=replace(model, status=status_before), job_id=job)
        service.jobs = {name: Job(id=name, status=end) for name, end in jobs.items()}
        found = reconciler.reconcile(replace(model, status=shown[0], job_id=shown[1]))
        assert found.state == state

    @pytest.mark.parametrize(
        ("error", "shown", "kind", "waited", "state"),
        [
            (NotFound("Gone.", status=404), "j2", "training", 119.5, "running"),
            (NotFound("Gone.", status=404), "j2", "training", 120, "ended"),
            (PermissionDenied("No.", status=403), "j2", "training", 120, "ended"),
            (PermissionDenied("No.", status=403), "j1", "training", 120, "running"),
            (NotFound("Gone.", status=404), "j1", "training", 120, "ended"),
            (PermissionDenied("No.", status=403), "j2", "download", 120, "running"),
            (NotFound("Gone.", status=404), None, "download", 120, "ended"),
        ],
    )
    def test_where_its_job_cannot_be_read(
        self, service, reconciler, clock, model, write, error, shown, kind, waited, state
    ):
        write("running", job_id="j1", kind=kind)
        service.before["get_job"] = error
        clock.pass_(waited)
        found = reconciler.reconcile(replace(model, status="copying", job_id=shown), kind)
        assert found.state == state

    def test_one_that_is_being_stopped(self, reconciler, model, write):
        write("stopping", job_id="j1")
        found = reconciler.reconcile(replace(model, status="training-canceled", job_id="j1"))
        assert found.state == "canceled"

    def test_a_run_that_goes_on_with_a_hidden_job_after_the_last_one_ended_is_a_new_one(
        self, reconciler, model, write
    ):
        ended = write("trained", job_id="j1")
        adopted = reconciler.adopt(replace(model, status="training", job_id=None), newest=ended)
        assert adopted.intent_id != ended.intent_id
        assert reconciler.again(ended).state == "trained"


class TestTraces:
    @pytest.mark.parametrize(
        ("job_before", "status_before", "job", "status", "found", "counted"),
        [
            ("j0", "trained", "j1", "trained", True, 0),
            ("j0", "trained", "j0", "training", False, 0),
            ("j0", "trained", "j0", "failed", False, 1),
            (None, "new", None, "training", True, 0),
            (None, "new", None, "trained", False, 1),
            (None, "training", None, "training", False, 1),
            ("j0", "trained", None, "failed", False, 1),
        ],
    )
    def test_of_a_launch_that_an_older_version_wrote_down(
        self, reconciler, model, write, job_before, status_before, job, status, found, counted
    ):
        before = replace(model, status=status_before, job_id=job_before)
        intent = write("uncertain", before=before, run_before="")
        read = reconciler.reconcile(replace(model, status=status, job_id=job))
        assert read.intent_id == intent.intent_id
        assert (read.state != "uncertain", read.quiet_reads) == (found, counted)

    def test_the_run_from_before_proves_nothing_in_another_state(self, reconciler, model, write):
        """A read may lag: it shows the former run, known by its beginning, as going on."""
        progress = TrainingProgress(started_at=1000.0)
        before = replace(model, status="trained", progress=progress)
        write("uncertain", before=before)
        write("running", kind="download")
        found = reconciler.reconcile(replace(before, status="training"))
        assert (found.state, found.quiet_reads) == ("uncertain", 0)
        later = replace(before, status="training", progress=TrainingProgress(started_at=2000.0))
        found = reconciler.reconcile(later)
        assert (found.kind, found.state) == ("training", "running")

    @pytest.mark.parametrize(
        ("state", "lives", "after"),
        [
            ("submitting", False, "running"),
            ("submitting", True, "submitting"),
            ("uncertain", False, "running"),
            ("refused", False, "running"),
            ("prepared", False, "prepared"),
        ],
    )
    def test_a_run_that_shows_here_of_a_launch_at_another_address(
        self, reconciler, model, write, state, lives, after
    ):
        intent = write(state, origin="https://elsewhere.test/v1")
        with at_work(intent.intent_id) if lives else nullcontext():
            found = reconciler.reconcile(replace(model, status="training", job_id="j1"))
        assert found.state == after

    def test_it_appears_not_launched_after_two_minutes_and_no_half_second_earlier(
        self, reconciler, clock, model, write
    ):
        model = replace(model, status="of many words " * 40)
        write("uncertain", before=model)
        states = []
        for waited in (40, 40, 39.5, 0.5):
            clock.pass_(waited)
            found = reconciler.reconcile(model)
            states.append(found.state)
        assert states == ["uncertain", "uncertain", "uncertain", "not_seen"]
        assert len(found.reason) == 300

    def test_why_one_was_not_sent_is_kept_short(self, reconciler, journal, write):
        reconciler.move(write("submitting"), "not_sent", "no net " * 100)
        assert len(journal.intents()[0].reason) == 300


class TestRunOf:
    @pytest.mark.parametrize("state", ["not_sent", "not_seen", "rejected"])
    def test_a_run_of_somebody_else_stands_where_ours_turns_out_not_to_have_launched(
        self, service, reconciler, clock, model, write, state
    ):
        theirs = replace(model, status="trained", job_id="theirs")
        began = {"not_sent": "prepared", "not_seen": "uncertain", "rejected": "refused"}[state]
        intent = write(began, before=theirs)
        write("failed", before=service.create_model(name="other", type=model.type))
        if state != "not_sent":
            for _ in range(2):
                clock.pass_(60)
                reconciler.reconcile(theirs)
            clock.pass_(60)
        run = reconciler.run_of(theirs)
        assert (run.job_id, run.state) == ("theirs", "trained")
        ours = reconciler.again(intent)
        assert ours.state == state
        if state == "not_seen":
            assert ours.reason.endswith("show it as before: trained, job theirs")

    def test_there_is_none_where_neither_shows_one(self, reconciler, service, model, write):
        write("not_sent")
        assert reconciler.run_of(model) is None
        other = service.create_model(name="other", type=model.type)
        write("running", before=other, job_id="j9")
        assert reconciler.run_of(replace(model, status="copying", job_id="j9")) is None


class TestWhatIsWrittenDown:
    def test_of_a_launch(self, reconciler, model):
        before = replace(
            model,
            status="trained",
            job_id="j0",
            progress=TrainingProgress(started_at=1000.0),
            ended_at="2026-11-01",
        )
        order = Order(kind="download", model_id=model.id, epoch="3", fingerprint="f")
        intent = reconciler.intent(
            order, before, state="prepared", estimate_id="est_1", amount=Decimal(5)
        )
        assert re.fullmatch("run_[0-9a-f]{16}", intent.intent_id)
        assert (intent.kind, intent.epoch, intent.fingerprint) == ("download", "3", "f")
        assert (intent.project, intent.unit, intent.amount) == ("", "CU", Decimal(5))
        assert (intent.status_before, intent.job_before) == ("trained", "j0")
        assert intent.run_before == "trained j0 1000.0 2026-11-01"
        new = reconciler.intent(order, model, state="prepared", estimate_id=None, amount=Decimal(5))
        assert new.run_before == "new - - -"

    def test_of_a_run_that_this_computer_did_not_know(self, service, reconciler, model, write):
        other = service.create_model(name="other", type=model.type)
        write("running", before=other)
        theirs = replace(model, status="trained", job_id="theirs")
        adopted = reconciler.adopt(theirs, newest=None)
        assert (adopted.state, adopted.job_id) == ("trained", "theirs")
        assert (adopted.amount, adopted.fingerprint) == (Decimal(0), "")
        assert adopted.reason == "found on the service"
        assert not adopted.bought_here

    def test_nothing_of_a_status_that_is_none_of_a_run(self, reconciler, journal, model):
        assert reconciler.adopt(replace(model, status="copying", job_id="j1"), newest=None) is None
        assert journal.intents() == []

    def test_nothing_beside_a_launch_that_is_open_or_came_since(
        self, reconciler, journal, model, write
    ):
        theirs = replace(model, status="trained", job_id="theirs")
        intent = write("uncertain")
        assert reconciler.adopt(theirs, newest=intent) is None
        journal.move(intent.intent_id, "not_sent", only_from={"uncertain"})
        assert reconciler.adopt(theirs, newest=None) is None
        assert [i.intent_id for i in journal.intents()] == [intent.intent_id]


class TestLate:
    def test_a_training_that_shows_late_is_followed_under_its_job(
        self, service, reconciler, model, write
    ):
        other = service.create_model(name="other", type=model.type)
        shown = replace(model, status="training", job_id="j1")
        theirs = write("not_seen", before=other)
        assert reconciler.reconcile(shown) is None
        write("failed", job_id="j0")
        write("not_seen")
        write("running", kind="download")
        found = reconciler.reconcile(shown)
        assert (found.state, found.job_id) == ("running", "j1")
        assert reconciler.again(theirs).state == "not_seen"

    def test_a_download_that_shows_late_is_one_of_downloads(
        self, service, reconciler, model, write
    ):
        taken = write("not_seen", kind="download")
        asked = {"modelId": model.id}
        service.jobs["d1"] = Job(id="d1", type="model-download", status="queued", input=asked)
        assert reconciler.reconcile(model) is None
        assert reconciler.again(taken).state == "not_seen"
        found = reconciler.reconcile(model, "download")
        assert (found.intent_id, found.state, found.job_id) == (taken.intent_id, "running", "d1")


class TestOfWhichModelAndKind:
    """Launches of other models, and of the other kind, say nothing of this one."""

    @pytest.fixture
    def launcher(self, service, journal, clock) -> Launcher:
        return Launcher(service, journal, clock=clock, sleep=clock.pass_)

    def test_an_unseen_launch(self, service, launcher, model, write):
        other = service.create_model(name="other", type=model.type)
        write("not_seen", before=other)
        taken = write("not_seen", kind="download")
        order = Order(model_id=model.id, fingerprint="f")
        assert launcher.unseen(model.id) is launcher.newest(model.id) is None
        assert launcher.estimate(order).after is None
        unseen = write("not_seen")
        assert launcher.unseen(model.id) == launcher.newest(model.id) == unseen
        assert launcher.estimate(order).after == unseen.intent_id
        service.held[model.id] = "j0"
        assert launcher.estimate(replace(order, kind="download")).after == taken.intent_id

    def test_a_launch_after_one_that_appears_not_to_have_run(self, service, launcher, model, write):
        order = Order(model_id=model.id, fingerprint="f")
        write("not_seen", before=service.create_model(name="other", type=model.type))
        write("not_seen", kind="download")
        with pytest.raises(LaunchUncertain, match="An earlier download"):
            launcher.launch(replace(order, kind="download"), max_cost=5)
        assert not launcher.launch(order, max_cost=2000).already
        service.finish(model.id, "failed")
        launcher.run_of(service.get_model(model.id))
        write("not_seen", reason="word " * 40)
        with pytest.raises(LaunchUncertain) as caught:
            launcher.launch(order, max_cost=2000)
        assert f"({shown('word ' * 40, 70)})" in caught.value.message

    def test_weights_that_the_service_holds(self, service, launcher, model, write):
        write(
            "delivered", before=service.create_model(name="other", type=model.type), kind="download"
        )
        write("rejected", kind="download")
        write("delivered", kind="download", epoch="3")
        held = Order(kind="download", model_id=model.id, held=True, fingerprint="f")
        assert launcher.bought(held, model) is None
        taken = write("delivered", kind="download")
        assert launcher.bought(held, model) == taken

    @pytest.mark.parametrize(
        ("kind", "other", "state"),
        [("training", "download", "prepared"), ("download", "training", "submitting")],
    )
    def test_a_launch_that_another_kernel_never_ends(
        self, launcher, clock, model, write, kind, other, state, capsys, monkeypatch
    ):
        intent, pauses = write(state, kind=kind), []
        write("running", kind=other, job_id="j1")
        monkeypatch.setattr(launcher, "_sleep", lambda s: (pauses.append(s), clock.pass_(s)))
        with (
            at_work(intent.intent_id),
            pytest.raises(LaunchUncertain, match="another kernel is working on it"),
        ):
            launcher.launch(Order(kind=kind, model_id=model.id, fingerprint="f"), max_cost=2000)
        assert pauses[:3] == pytest.approx([0.1, 0.15, 0.225])
        assert max(pauses) == 2.0
        assert sum(pauses) == pytest.approx(180.93, abs=0.1)
        said = f"A {kind} of this model is being started by process {os.getpid()} since "
        assert said in capsys.readouterr().err

    def test_a_run_that_somebody_else_started(self, service, launcher, model, write):
        write("failed", job_id="j1")
        write("running", before=service.create_model(name="other", type=model.type))
        write("running", kind="download", job_id="d1")
        service.jobs["d1"] = Job(id="d1", type="model-download", status="queued")
        theirs = service.launch(model.id)
        joined = launcher.launch(Order(model_id=model.id, fingerprint="f"), max_cost=2000)
        assert (joined.already, joined.intent.job_id) == (True, theirs.id)

    def test_a_launch_that_went_to_another_address(self, launcher, model, write):
        origin = "https://elsewhere.test/" + "x" * 90
        write("uncertain", origin=origin)
        with pytest.raises(LaunchRefused) as caught:
            launcher.launch(Order(model_id=model.id, fingerprint="f"), max_cost=2000)
        assert f"went to {shown(origin, 60)} and is not known" in caught.value.message
        assert caught.value.remedy == "Connect there and open the model to find out."

    def test_a_launch_at_sea(self, service, launcher, model, write, tmp_path):
        other = service.create_model(name="other", type=model.type)
        write("running", before=other)
        write("running", kind="download")
        assert not launcher.at_sea(model.id)
        write("running")
        assert launcher.at_sea(model.id)
        broken = tmp_path / "broken.sqlite3"
        broken.write_bytes(b"this is no database")
        assert Launcher(service, Journal(broken)).at_sea(model.id), "it cannot be told"

    def test_a_download_that_is_settled(self, service, launcher, model, write):
        taken = write("running", kind="download", job_id="d1")
        write("running", job_id="j1")
        service.jobs["d1"] = Job(id="d1", type="model-download", status="success")
        shown = replace(model, status="training", job_id="j1")
        settled = launcher.settle_download(shown)
        assert launcher.reconcile(shown, "download") is None
        assert (settled.intent_id, settled.state) == (taken.intent_id, "delivered")


class TestDownloads:
    @pytest.mark.parametrize(
        ("jobs", "outcome"),
        [
            ([{"input": {"modelId": "MODEL", "modelEpoch": "3"}}], "found"),
            ([{"input": {"modelId": "MODEL", "modelEpoch": "5"}}], "evidence"),
            ([{"input": {"modelId": "MODEL"}}], "nothing"),
            ([{"input": {}}], "nothing"),
            ([{"input": {"modelEpoch": "3"}}], "nothing"),
            ([{"input": {"modelEpoch": "5"}}], "evidence"),
            ([{"input": {"modelId": "another", "modelEpoch": "3"}}], "evidence"),
            ([{"input": {"modelId": "MODEL", "modelEpoch": "3"}, "type": "inference"}], "evidence"),
            ([{"input": {"modelId": "MODEL", "modelEpoch": "3"}, "id": "known"}], "evidence"),
            ([{"input": {"modelId": "MODEL", "modelEpoch": "3"}, "created": -301}], "evidence"),
            ([{"input": {"modelId": "MODEL", "modelEpoch": "3"}, "created": -300}], "found"),
            (
                [
                    {"input": {"modelId": "another"}},
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}},
                ],
                "found",
            ),
            (
                [
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}, "created": -900},
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}},
                ],
                "found",
            ),
            (
                [
                    *[{"type": "inference"}] * 200,
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}},
                ],
                "found",
            ),
            (
                [
                    *[{"type": "inference"}] * 201,
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}},
                ],
                "nothing",
            ),
            (
                [
                    *[{"input": {"modelId": "another"}}] * 201,
                    {"input": {"modelId": "MODEL", "modelEpoch": "3"}},
                ],
                "nothing",
            ),
            ([], "evidence"),
        ],
        ids=lambda value: None if isinstance(value, str) else f"{len(value)} jobs",
    )
    def test_one_in_doubt_is_looked_for_among_the_jobs_from_the_newest_on(
        self, service, reconciler, clock, model, write, jobs, outcome
    ):
        write("delivered", kind="download", epoch="3", job_id="known")
        write("uncertain", kind="download", epoch="3")
        sent = clock().at
        clock.pass_(200)
        for number, given in reversed(list(enumerate(jobs))):
            asked = {k: model.id if v == "MODEL" else v for k, v in given.get("input", {}).items()}
            created = datetime.fromtimestamp(sent + given.get("created", 0), UTC).isoformat()
            job = Job(
                id=given.get("id", f"job_{number}"),
                type=given.get("type", "model-download"),
                status="queued",
                created_at=created,
                input=asked,
            )
            service.jobs[job.id] = job
        found = reconciler.reconcile(model, "download")
        state = "running" if outcome == "found" else "uncertain"
        assert (found.state, found.quiet_reads) == (state, int(outcome == "evidence"))

    def test_one_that_was_sent_while_the_clock_was_ahead_is_found_minutes_later(
        self, service, reconciler, clock, model, write
    ):
        clock.set_by(3600)
        write("uncertain", kind="download")
        clock.set_by(-3600)
        created = datetime.fromtimestamp(clock().at, UTC).isoformat()
        clock.pass_(200)
        asked = {"modelId": model.id}
        service.jobs["job_1"] = Job(
            id="job_1", type="model-download", status="queued", created_at=created, input=asked
        )
        found = reconciler.reconcile(model, "download")
        assert (found.state, found.job_id) == ("running", "job_1")

    def test_one_that_left_no_trace_says_where_it_was_looked_for(
        self, reconciler, clock, model, write
    ):
        write("uncertain", kind="download")
        for _ in range(3):
            clock.pass_(50)
            found = reconciler.reconcile(model, "download")
        assert (found.state, found.reason) == (
            "not_seen",
            "3 reads over 150 s of the jobs show none",
        )
