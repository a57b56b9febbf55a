"""The journal is on the disk before the first byte of a launch leaves, as the kernel sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

CALLS = "openat,write,pwrite64,fsync,fdatasync,unlink,unlinkat,connect,sendto,sendmsg"
TRACED = ("-f", "-y", "-s", "16384", "-e", f"trace={CALLS}")
CELL = textwrap.dedent(
    """
    import sys
    import phoenix_nbtrain as nbt
    nbt.connect("hosted", api_key="k", api_secret="s", base_url=sys.argv[1])
    nbt.Training.open(model_id="m").start(max_cost=2000)
    """
)


@pytest.fixture
def strace() -> str:
    found = shutil.which("strace")
    if found is None and os.environ.get("CI") != "true" and sys.platform == "linux":
        pytest.skip("strace is not installed (apt install strace)")
    if sys.platform != "linux":
        pytest.skip("strace is Linux's")
    assert found, "CI needs strace"
    return found


def test_the_journal_is_synced_before_the_launch_leaves(phoenix, strace, tmp_path):
    home, log = tmp_path / "home", tmp_path / "calls"
    subprocess.run(
        [strace, *TRACED, "-o", log, sys.executable, "-c", CELL, phoenix.url],
        check=True,
        env={**os.environ, "PHOENIX_NBTRAIN_HOME": str(home)},
        timeout=120,
    )
    assert phoenix.models["m"].launches == 1
    calls = log.read_text(errors="replace").splitlines()
    journal = re.escape(str(home / "journal.sqlite3"))

    def of(pattern: str) -> list[int]:
        return [number for number, call in enumerate(calls) if re.search(pattern, call)]

    sent = of(r"send(to|msg)\(.*PUT /v1/models/m/train HTTP")
    assert len(sent) == 1, "one request, and nothing else that looks like it"
    written = [n for n in of(rf"pwrite64\(\d+<{journal}>.*submitting") if n < sent[0]]
    assert written, "the row was not written before the request"
    synced = [n for n in of(rf"f(data)?sync\(\d+<{journal}>\) += 0") if written[-1] < n < sent[0]]
    assert synced, "what was written was not synced before the request"
    # The transaction counts once its rollback journal is gone, and that is on the disk once its
    # folder is synced. With synchronous=FULL it was not: a power cut brought the journal back.
    gone = [n for n in of(rf'unlink(at)?\(.*"{journal}-journal"') if synced[0] < n < sent[0]]
    assert gone
    folder = re.escape(str(home))
    assert [n for n in of(rf"f(data)?sync\(\d+<{folder}>\) += 0") if gone[0] < n < sent[0]]
    # And the request's connection was opened for it, after all that: it can carry nothing older.
    opened = [n for n in of(r"connect\(.*htons\(\d+\).*127\.0\.0\.1") if n < sent[0]]
    assert opened[-1] > gone[0]
