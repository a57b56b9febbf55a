"""The recorder that watches the whole suite is itself seen to catch what it must."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from safety import recorder
from safety.lossy import Lossy

CONNECT = """
    import sys
    import phoenix_nbtrain as nbt
    client = nbt.connect("hosted", api_key="k", api_secret="s", base_url=sys.argv[1])
"""


def run(code: str, phoenix: Lossy, folder: Path) -> Path:
    """Run code that is no test's, as a notebook's is, and return what was recorded."""
    script, log = folder / "someones.py", folder / "log"
    script.write_text(textwrap.dedent(CONNECT) + textwrap.dedent(code))
    variables = {**os.environ, **recorder.environment(log)}
    subprocess.run([sys.executable, script, phoenix.url], check=True, env=variables, timeout=60)
    return log


def test_a_launch_is_recorded_with_the_one_function_that_may_send_it(phoenix, tmp_path):
    log = run("nbt.Training.open(model_id='m').start(max_cost=2000)", phoenix, tmp_path)
    assert recorder.judge(log) == ({recorder.PROTOCOL: 1}, [])
    assert phoenix.models["m"].launches == 1


def test_a_launch_past_the_protocol_is_caught(phoenix, tmp_path):
    log = run("client.trigger_training('m', {})", phoenix, tmp_path)
    counts, wrong = recorder.judge(log)
    assert not counts
    assert [Path(origin).name for origin in wrong] == ["someones.py:<module>"]


def test_a_bare_request_is_caught(phoenix, tmp_path):
    code = "import httpx; httpx.put(sys.argv[1] + '/models/m/train', json={})"
    _, wrong = recorder.judge(run(code, phoenix, tmp_path))
    assert len(wrong) == 1


def test_the_official_client_is_told_apart(phoenix, tmp_path):
    code = """
        from scenario_sdk import Scenario
        official = Scenario(api_key="k", api_secret="s", base_url=sys.argv[1])
        official.models.train.trigger("m", parameters={})
    """
    assert recorder.judge(run(code, phoenix, tmp_path)) == ({"the official client": 1}, [])


def test_a_dry_run_is_no_purchase(phoenix, tmp_path):
    log = run("nbt.Training.open(model_id='m').estimate()", phoenix, tmp_path)
    assert list(recorder.read(log)) == []
