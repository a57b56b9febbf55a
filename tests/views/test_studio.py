"""The studio: all views of one training, made and closed together."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace

from trainings import EDIT, image, images, pair, ready, training_of
from views.panels import alive, everything, quiet, said

from phoenix_nbtrain.widgets.form import ConfigForm
from phoenix_nbtrain.widgets.grid import ImageGrid
from phoenix_nbtrain.widgets.launch import LaunchPanel
from phoenix_nbtrain.widgets.pairs import PairTable
from phoenix_nbtrain.widgets.picker.image_picker import ImagePicker
from phoenix_nbtrain.widgets.progress import ProgressPanel
from phoenix_nbtrain.widgets.serial_queue import SerialQueue
from phoenix_nbtrain.widgets.studio import Studio

__all__ = ["quiet"]


def parts(studio: Studio) -> list[type]:
    kinds = (ImageGrid, ImagePicker, PairTable, ConfigForm, LaunchPanel, ProgressPanel)
    return [k for w in everything(studio) for k in kinds if isinstance(w, k)]


def test_it_shows_every_part_in_the_order_of_the_work() -> None:
    studio = Studio(ready(2))
    assert parts(studio) == [ImagePicker, ImageGrid, ConfigForm, LaunchPanel, ProgressPanel]
    edit = Studio(training_of(images(2), type=EDIT))
    assert parts(edit)[:3] == [ImagePicker, ImageGrid, PairTable]


def test_pairs_come_when_there_are_some() -> None:
    training = ready(2)
    studio = Studio(training)
    training.change(draft=replace(training.state.draft, pairs=(pair(1, 0, 1),)))
    assert parts(studio)[2] is PairTable
    assert "<b>Pairs</b><span> 1</span>" in studio._nav.value


def test_the_header_and_the_parts_count_as_the_draft_does() -> None:
    training = training_of([image(1), image(2, "a fox")], name="<b>stickers</b>")
    studio = Studio(training)
    assert "&lt;b&gt;stickers&lt;/b&gt;" in studio._head.value
    assert "flux.2-dev-lora" in studio._head.value
    assert "Local Phoenix · nothing is charged" in studio._head.value
    assert "<b>Images</b><span> 2</span>" in studio._nav.value
    assert '<span class="nbt-todo" title="need attention"> 1</span>' in studio._nav.value
    training.runs(progress=0.62)
    assert "<b>Training</b><span> 62%</span>" in studio._nav.value
    training.runs("trained", progress=1.0)
    assert "<b>Training</b><span></span>" in studio._nav.value


def test_displaying_it_asks_for_the_price_and_forgets_an_open_question() -> None:
    training = ready(2)
    studio = Studio(training)
    training.runner.advance(5)
    assert training.service.count("quote_training") == 0
    studio.launch._start.click()
    studio._repr_mimebundle_()
    training.runner.advance(1)
    assert training.service.count("quote_training") == 1
    studio.launch._yes.click()
    assert training.service.launches == []


def test_no_caption_prompt_or_price_id_of_a_hosted_training_hides_in_plain_panels() -> None:
    training = ready(2)
    studio = Studio(training)
    assert training.state.price.estimate.estimate_id not in said(studio)


def test_closing_closes_every_part() -> None:
    before = alive()
    training = training_of(images(2), type=EDIT)
    studio = Studio(training)
    assert len(alive() - before) > 50
    studio.close()
    assert alive() == before
    assert training.hears == 0
    gone = weakref.ref(studio)
    del studio
    gc.collect()
    assert gone() is None


def test_each_part_by_itself_says_which_phoenix_it_is() -> None:
    training = ready(2)
    for part in (ConfigForm, LaunchPanel, ImagePicker, ProgressPanel):
        assert "Local Phoenix · nothing is charged" in said(part(training)), part


def test_it_reads_well_as_plain_text() -> None:
    training = training_of(images(48), [pair(n, 2 * n, 2 * n + 1) for n in range(24)], type=EDIT)
    expected = "Studio: animal stickers · flux.2-dev-edit-lora · 48 images, 24 pairs"
    assert repr(Studio(training)) == expected


def test_turns_are_taken_one_at_a_time_by_whichever_thread_and_none_is_lost() -> None:
    turn, inside, done, most = SerialQueue(), [0], [], [0]

    def work(n: int) -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        done.append(n)
        inside[0] -= 1

    def many(base: int) -> None:
        for n in range(500):
            turn(lambda n=n: work(base + n))

    threads = [threading.Thread(target=many, args=(1000 * k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(done), len(set(done)), most) == (4000, 4000, [1])


def test_a_turn_within_a_turn_comes_after_it() -> None:
    turn, said_ = SerialQueue(), []
    turn(lambda: (turn(lambda: said_.append("inner")), said_.append("outer")))
    assert said_ == ["outer", "inner"]
