"""Four kernels on one computer press Start at the same moment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time

from phoenix_nbtrain.store.journal import Journal

SCRIPT = textwrap.dedent(
    """
    import json, sys, time
    import phoenix_nbtrain as nbt
    from phoenix_nbtrain.images.drawings import draw_icons
    go = float(sys.argv[1])
    nbt.connect("local")
    time.sleep(max(0, go - time.time()))
    training = nbt.Training.open("race", type="flux.2-dev-lora")
    training.add_images(sys.argv[2])
    training.update_config({"epochs": 1, "repeats": 1})
    run = training.start()
    print(json.dumps([training.model_id, run.job_id, len(training.images)]))
    """
)


def test_four_processes_make_one_model_one_set_and_one_launch(tmp_path, icons):
    go = time.time() + 3
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(go), str(icons)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PHOENIX_NBTRAIN_HOME": str(tmp_path / "home")},
        )
        for _ in range(4)
    ]
    replies = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()[-2000:]
        replies.append(tuple(json.loads(out.splitlines()[-1])))
    assert len(set(replies)) == 1, replies
    model_id, job_id, images = replies[0]
    assert images == len(list(icons.glob("*.png")))

    intents = Journal(tmp_path / "home" / "journal.sqlite3").intents()
    assert [(i.model_id, i.job_id) for i in intents if i.job_id] == [(model_id, job_id)]
