"""A forked child begins anew, and the parent does not notice that there was one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import pytest

from phoenix_nbtrain import forks

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")

BEFORE = """
import os, sys, threading, time, warnings
from pathlib import Path
warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, which is the point
import phoenix_nbtrain as nbt
from phoenix_nbtrain.errors import PhoenixError


def in_child(work):
    '''Run work in a forked child; return what it returned, or how it failed.'''
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        try:
            said = repr(work())
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(write, said.encode())
        os.close(write)
        if CLEAN:
            return sys.exit(0)  # as a script's own fork ends: with all that happens at exit
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(pid, 0)[1] == 0
    return said


CLEAN = False
client = nbt.connect("local")
training = nbt.Training.open("icons", type="flux.2-dev-lora")
from phoenix_nbtrain.images.drawings import draw_icons
icons = draw_icons(Path("icons"), count=4, size=64)
training.add_images(icons)
training.sync()
len(training.images)  # pandas is there: no fork can be had while a thread imports it
"""


def script(body: str, tmp_path: object, *, seconds: float = 90) -> str:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE + textwrap.dedent(body)],
        cwd=str(tmp_path),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_a_child_connects_and_opens_afresh(tmp_path):
    said = script(
        """
        def work():
            nbt.connect("local")
            mine = nbt.Training.open("icons", type="flux.2-dev-lora")
            mine.set_captions({i: "in the child" for i in mine.images.index})
            mine.sync()
            thumbnail = mine._session.thumbnails.ask(list(mine.images.index[:1]), 64)[0].result(30)
            return len(mine.images), thumbnail.mime, mine.model_id

        print(in_child(work))
        training.refresh()
        print(set(training.images["caption"]), training.model_id)
        """,
        tmp_path,
    )
    first, second = said.splitlines()
    assert first.startswith("(4, 'image/")
    assert second.startswith("{'in the child'}")
    assert second.rpartition(" ")[2] in first


def test_without_connecting_the_child_talks_to_the_same_phoenix(tmp_path):
    said = script(
        """
        elsewhere = nbt.connect("local", data_dir="elsewhere")
        print(in_child(lambda: nbt.attach("none").model_id))
        from phoenix_nbtrain.client.connect import default_client
        print(in_child(lambda: default_client().origin))
        print(repr(elsewhere.origin))
        """,
        tmp_path,
    )
    _, child, parent = said.splitlines()
    assert child == parent


USES = {
    "training": "training.images",
    "training's command": "training.sync()",
    "training's run": "training.start()",
    "client": "client.list_models()",
    "view": "grid.selected",
    "new view": "nbt.ImageGrid(training)",
    "runner": "runner.submit('io', print)",
    "future": "future.result()",
    "folder": "folder.look([])",
    "given client": "nbt.runs(client)",
}


def test_what_the_parent_opened_says_that_it_is_the_parents(tmp_path):
    said = script(
        f"""
        from phoenix_nbtrain.runner import default_runner
        grid, runner, folder = nbt.ImageGrid(training), default_runner(), training.browse("icons")
        go_on = threading.Event()
        future = runner.submit("io", go_on.wait)
        for use in {list(USES.values())!r}:
            print(in_child(lambda: eval(use)))
        go_on.set()
        print(future.result(10), len(training.images), len(client.get_model(training.model_id).id))
        """,
        tmp_path,
    )
    *refusals, parent = said.splitlines()
    assert len(refusals) == len(USES)
    for refusal in refusals:
        assert refusal.startswith("PhoenixError: This was opened before the process was forked")
        assert "Open it again here" in refusal
    assert parent.startswith("True 4 ")


def test_nothing_that_was_due_in_the_parent_runs_in_the_child(tmp_path):
    said = script(
        """
        from phoenix_nbtrain.runner import default_runner
        runner, ran, go_on = default_runner(), Path("ran"), threading.Event()

        def note(what):
            with ran.open("a") as file:
                file.write(f"{what} {os.getpid()}\\n")

        for _ in range(8):
            runner.submit("io", go_on.wait)
        runner.submit("io", note, "queued")
        runner.later(0.5, lambda: note("timer"))
        training.set_captions({i: "typed" for i in training.images.index})  # a sync is due
        requests = Path("requests")
        wire = client._http.send
        def counted(*args, **named):
            with requests.open("a") as file:
                file.write(f"{os.getpid()}\\n")
            return wire(*args, **named)
        client._http.send = counted

        def work():
            from phoenix_nbtrain.runner import default_runner
            default_runner().submit("io", int).result(10)  # its lanes are its own
            time.sleep(3)
            return os.getpid()

        child = in_child(work)
        go_on.set()
        training.sync()
        deadline = time.monotonic() + 60
        while "timer" not in ran.read_text() or "queued" not in ran.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert str(child) not in ran.read_text() + requests.read_text(), "the child did it"
        print(ran.read_text().count("\\n"), len(requests.read_text()) > 0)
        """,
        tmp_path,
    )
    assert said == "2 True\n"


@pytest.mark.parametrize("clean", [False, True])
def test_forks_amid_work_hang_nobody_and_harm_nothing(tmp_path, *, clean):
    said = script(
        f"""
        CLEAN = {clean}
        from phoenix_nbtrain.images import decoder
        from phoenix_nbtrain.locks import lease
        image = next(icons.iterdir()).read_bytes()
        over, failures = threading.Event(), []

        def edits():
            number = 0
            while not over.wait(0.01):
                number += 1
                training.set_captions({{i: f"{{number}}" for i in training.images.index}})

        def images():
            while not over.wait(0.01):
                decoder.thumbnail(image, 64)

        def syncs():
            while not over.wait(0.01):
                training.sync()

        def kept(work):
            try:
                work()
            except BaseException as error:
                failures.append(error)
                over.set()

        threads = [threading.Thread(target=kept, args=(w,)) for w in (edits, images, syncs)]
        for thread in threads:
            thread.start()

        def work():
            nbt.connect("local")
            mine = nbt.Training.open("icons", type="flux.2-dev-lora")
            mine._session.thumbnails.ask(list(mine.images.index[:1]), 64)[0].result(60)
            with lease("sync", mine._session.store.origin, mine.model_id, what="It"):
                pass
            return len(mine.images)

        told = [in_child(work) for _ in range(4)]
        over.set()
        for thread in threads:
            thread.join(60)
        assert not failures, failures
        training.sync()
        # A child that ended amid its own sync left the lock's file; the next holder takes it away.
        with lease("sync", training._session.store.origin, training.model_id, what="It"):
            pass
        print(set(told), training.state.draft.unsent)
        left, until = Path(os.environ["PHOENIX_NBTRAIN_HOME"]) / "locks", time.monotonic() + 30
        while any(left.iterdir()) and time.monotonic() < until:
            time.sleep(0.1)  # the sync that follows the last edit may be at it
        print(sorted(p.name for p in left.iterdir()))
        """,
        tmp_path,
        seconds=240,
    )
    assert said == "{'4'} 0\n[]\n"


def test_a_child_that_lives_on_keeps_none_of_its_parents_locks(tmp_path):
    said = script(
        """
        from phoenix_nbtrain.locks import locked
        from phoenix_nbtrain.locks import at_work, may_be_at_work

        read, write = os.pipe()
        there, tell = os.pipe()
        with at_work("job"), locked(Path("theirs")):
            if os.fork() == 0:
                os.write(tell, b".")
                os.close(write)
                os.read(read, 1)  # until the parent ends
                os._exit(0)
            os.read(there, 1)  # until the child has begun
            seen = may_be_at_work("job", age=1, longest=100)
        left = Path(os.environ["PHOENIX_NBTRAIN_HOME"]) / "locks"
        with locked(Path("theirs")) as mine:
            print(seen, mine, list(left.glob("at-*")))  # a sync may hold its own
        """,
        tmp_path,
    )
    assert said == "True True []\n"


def test_what_a_child_flushes_at_its_end_reaches_none_of_the_parents_decoders(tmp_path):
    said = script(
        """
        from phoenix_nbtrain.images import decoder
        image = next(icons.iterdir()).read_bytes()
        decoder.thumbnail(image, 64)
        pipes = [child._process.stdin for child in decoder._children]

        def work():  # half a request, as the parent may have had in its buffer
            for pipe in pipes:
                pipe.write(b"half a request")
                pipe.flush()

        print(in_child(work), decoder.thumbnail(image, 64).mime)
        """,
        tmp_path,
    )
    assert said == "None image/jpeg\n"


def test_a_fork_beside_another_one_is_waited_for_as_well():
    gate, entered = forks._Gate(), threading.Event()

    def enter() -> None:
        gate.enter()
        entered.set()

    gate.close()
    gate.close()
    gate.open()
    thread = threading.Thread(target=enter, daemon=True)
    thread.start()
    assert not entered.wait(0.3)
    gate.open()
    assert entered.wait(30)
    thread.join(30)
