"""A model is created once per name, whatever happens while it is being created."""

from __future__ import annotations

import itertools

import pytest
from fake_service import FakeService, interrupted, lost

from phoenix_nbtrain.errors import ServiceUnreachable
from phoenix_nbtrain.locks import lease_if_free
from phoenix_nbtrain.runner import InlineRunner
from phoenix_nbtrain.session import opening
from phoenix_nbtrain.session.opening import Opening
from phoenix_nbtrain.store.journal import Journal
from phoenix_nbtrain.training import Training


def test_ctrl_c_while_it_is_created_leaves_nothing_that_the_cell_run_again_does_not_finish(
    opened, service
):
    service.after["create_model"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        opened()
    service.after.clear()
    assert opened().model_id == next(iter(service.models))
    assert service.count("create_model") == 1


def test_a_lost_reply_of_the_creation_is_found_by_looking(opened, service):
    service.after["create_model"] = lost
    with pytest.raises(ServiceUnreachable):
        opened()
    service.after.clear()
    opened()
    assert service.count("create_model") == 1


def test_a_creation_that_never_arrived_is_given_up_and_done_anew(opened, service, monkeypatch):
    monkeypatch.setattr(opening, "GRACE_SECONDS", 0)
    service.before["create_model"] = lost
    with pytest.raises(ServiceUnreachable):
        opened()
    service.before.clear()
    opened()
    assert len(service.models) == 1


def test_a_model_that_another_kernel_makes_while_it_is_looked_for_is_joined(opened, service):
    def other_kernel() -> None:
        service.before.clear()
        Opening(service, Journal()).open("icons", type="flux.2-dev-lora")

    service.before["list_models"] = other_kernel
    assert opened().model_id == next(iter(service.models))
    assert service.count("create_model") == 1


def test_nobody_sends_to_a_new_model_before_its_reading_is_in_the_draft(
    opened, service, monkeypatch
):
    free = []
    finish = Journal.finish_model

    def found(journal: Journal, entry: str, model_id: str) -> None:
        finish(journal, entry, model_id)  # from here on other kernels find it
        with lease_if_free("sync", service.origin, model_id) as mine:
            free.append(mine)

    monkeypatch.setattr(Journal, "finish_model", found)
    opened()
    assert free == [False]


def test_two_keys_of_one_host_each_find_their_own_model_again():
    mine, theirs = FakeService(), FakeService()
    theirs._numbers = itertools.count(100)

    def open_(service: FakeService) -> str:
        training = Training.open(
            "icons", type="flux.2-dev-lora", client=service, runner=InlineRunner()
        )
        return training.model_id

    first, second = open_(mine), open_(theirs)
    assert first != second
    assert (open_(mine), open_(theirs)) == (first, second)


def test_a_model_that_was_deleted_there_is_made_anew_once(opened, service):
    del service.models[opened().model_id]
    made = opened(again=True).model_id
    assert opened(again=True).model_id == made
    assert service.count("create_model") == 2
