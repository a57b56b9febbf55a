"""The command line: what it prints, and with which code it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import nbformat
import pytest

import phoenix_nbtrain as nbt
from phoenix_nbtrain import cli
from phoenix_nbtrain.cli import main
from phoenix_nbtrain.local.store import Store


def lines_of(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    out, err = capsys.readouterr()
    return out.splitlines(), err.splitlines()


def write_notebook(folder: Path, *sources: str) -> Path:
    folder.mkdir(parents=True)
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(s) for s in sources])
    path = folder / cli.FIRST_NOTEBOOK
    nbformat.write(document, path)
    return path


def test_without_the_script_on_the_path_python_runs_the_same_command(tmp_path):
    module = [sys.executable, "-m", "phoenix_nbtrain"]
    for arguments in (["--version"], ["settings", "--data-dir", str(tmp_path), "nonsense=1"], []):
        outcomes = [
            subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
            for command in (module, [str(Path(sys.executable).parent / "phoenix-nbtrain")])
        ]
        first, second = ((done.returncode, done.stdout, done.stderr) for done in outcomes)
        assert first == second
    assert first[0] == 2


def test_the_version_is_the_package_s(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert lines_of(capsys)[0] == [f"phoenix-nbtrain {nbt.__version__}"]


# -- train -----------------------------------------------------------------------------------------


@pytest.fixture
def model_id() -> str:
    """A model on the local Phoenix of this test's own home."""
    client = nbt.connect("local")
    return client.create_model(name="icons", type="flux.2-dev-lora").id


def test_the_seven_actions_are_the_tool_s(model_id, icons, capsys):
    files = sorted(map(str, icons.glob("*.png")))
    assert main(["train", "upload_images", "--model-id", model_id, "--images", *files]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert (reply["status"], reply["count"]) == ("uploaded", len(files))
    asset_id = reply["training_images"][0]["training_image_id"]

    caption = json.dumps({"description": "inkling, an apple"})
    command = ["train", "update_image", "--model-id", model_id, "--training-image-id", asset_id]
    assert main([*command, "--image-data", caption]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert reply["training_image"]["description"] == "inkling, an apple"

    config = ["--config", '{"steps": 40}', "--dry-run"]
    assert main(["train", "configure", "--model-id", model_id, *config]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert (reply["status"], reply["training_started"]) == ("estimated", False)
    assert reply["cost"] > 0
    assert main(["train", "configure", "--model-id", model_id, *config[:2]]) == 0
    reply = json.loads(capsys.readouterr().out)
    assert (reply["status"], reply["training_started"]) == ("configured", False)


def test_markdown_is_printed_as_it_is(model_id, capsys):
    command = ["train", "configure", "--model-id", model_id, "--config", '{"epochs": 2}']
    assert main([*command, "--response-format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("**configure · icons**")


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "paint", "--model-id", "model_1"],
        ["train", "start"],
        ["train", "configure", "--model-id", "m", "--config", "{epochs: 3"],
        ["train", "configure", "--model-id", "m", "--response-format", "xml"],
        ["tutorial", "--notebook", "../../secret.ipynb"],
        ["serve", "--port", "99999"],
        ["serve", "--port", "-1"],
    ],
    ids=" ".join,
)
def test_bad_input_ends_with_2_and_a_sentence(arguments, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(arguments)
    except SystemExit as ended:  # argparse's own way
        code = ended.code
    out, err = lines_of(capsys)
    assert code == 2
    assert out == []
    assert err[-1].startswith("phoenix-nbtrain")
    assert "Traceback" not in "".join(err)


def test_what_phoenix_refuses_ends_with_1(capsys):
    assert main(["train", "start", "--model-id", "model_unknown"]) == 1
    out, err = lines_of(capsys)
    assert out == []
    assert len(err) == 1


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file")
    assert main(["tutorial", "--copy", "--to", "taken/here"]) == 2
    (line,) = lines_of(capsys)[1]
    assert "taken/here" in line
    assert line.endswith("Choose another folder with --to.")


@pytest.mark.parametrize("command", ["serve", "settings"])
def test_a_data_folder_that_is_a_file_is_named_with_what_to_do(command, tmp_path, capsys):
    (tmp_path / "taken").write_text("a file")
    assert main([command, "--data-dir", str(tmp_path / "taken")]) == 1
    (line,) = lines_of(capsys)[1]
    assert "taken: File exists" in line
    assert "name another" in line


# -- tutorial --------------------------------------------------------------------------------------


def test_a_copy_that_was_changed_is_kept(tmp_path, capsys):
    assert main(["tutorial", "--copy", "--to", str(tmp_path / "mine")]) == 0
    copy = tmp_path / "mine" / cli.FIRST_NOTEBOOK
    nbformat.validate(nbformat.read(copy, as_version=4))
    copy.write_text("my own words")
    capsys.readouterr()
    assert main(["tutorial", "--copy", "--to", str(tmp_path / "mine")]) == 0
    assert copy.read_text() == "my own words"
    assert "was changed here and was left unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(("user", "more"), [(1000, []), (0, ["--allow-root"])])
def test_the_tutorial_opens_in_jupyterlab_without_any_credentials(
    tmp_path, monkeypatch, user, more
):
    # As root, a container's usual user, JupyterLab once refused to start.
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("PHOENIX_NBTRAIN_API_KEY", "planted")
    monkeypatch.setenv("SCENARIO_SDK_JWT", "planted")
    monkeypatch.setenv("SCENARIO_BASE_URL", "https://planted.example")
    called = []
    monkeypatch.setattr(
        subprocess, "call", lambda *given, **named: called.append((given, named)) or 0
    )
    assert main(["tutorial", "--to", str(tmp_path / "here"), "--", "--no-browser"]) == 0
    ((command,), named) = called[0]
    assert command[1:] == ["-m", "jupyterlab", cli.FIRST_NOTEBOOK, "--no-browser", *more]
    assert named["cwd"] == tmp_path / "here"
    assert "planted" not in "".join(named["env"].values())
    assert named["env"]["PHOENIX_NBTRAIN_HOME"] == os.environ["PHOENIX_NBTRAIN_HOME"]
    assert named["env"]["PATH"] == os.environ["PATH"]


def test_a_notebook_that_fails_is_saved_and_ends_with_1(tmp_path, capsys):
    path = write_notebook(tmp_path / "here", "print('so far')", "raise ValueError('no further')")
    assert main(["tutorial", "--execute", "--to", str(path.parent)]) == 1
    out = capsys.readouterr().out
    assert "Failed:   ValueError: no further" in out
    saved = nbformat.read(path.with_name("01_first_model-executed.ipynb"), as_version=4)
    assert saved.cells[0].outputs[0].text == "so far\n"
    assert len(saved.cells) == 2
    assert "no further" in path.with_name("01_first_model-executed.html").read_text("utf-8")


def test_a_training_that_failed_ends_with_1_though_no_cell_did(tmp_path, capsys):
    path = write_notebook(
        tmp_path / "here",
        "import phoenix_nbtrain as nbt",
        "training = nbt.Training.open('icons', type='flux.2-dev-lora')",
        "type(training).status = 'failed'",
    )
    assert main(["tutorial", "--execute", "--to", str(path.parent)]) == 1
    assert "Training: icons: failed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [["serve", "--data-dir", "/dev/null"], ["tutorial"], ["tutorial", "--execute"]],
    ids=" ".join,
)
def test_windows_is_told_what_does_not_run_there(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "sys", type("Sys", (), {"platform": "win32", "stderr": sys.stderr}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 0)
    assert main(arguments) == 2
    assert "On Windows use WSL" in capsys.readouterr().err


# -- serve -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_served_phoenix_says_where_it_is_wants_its_key_and_ends_when_told(ending, tmp_path):
    command = [sys.executable, "-m", "phoenix_nbtrain.cli", "serve"]
    with subprocess.Popen(
        [*command, "--data-dir", str(tmp_path / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as serving:
        try:
            said = json.loads(serving.stdout.readline())
            with httpx.Client(base_url=said["base_url"], trust_env=False) as http:
                assert http.get("/models").status_code == 401
                auth = (said["api_key"], said["api_secret"])
                reply = http.get("/models", auth=auth)
                assert reply.status_code == 200
                assert reply.headers["X-Phoenix-Local"]
            port = httpx.URL(said["base_url"]).port
            with pytest.raises(OSError):  # it listens on that one address, not on all
                socket.create_connection(("127.0.0.2", port), timeout=1)
        finally:
            serving.send_signal(ending)
        rest, err = serving.communicate(timeout=20)
    assert set(said) == {"base_url", "api_key", "api_secret"}
    assert said["base_url"].startswith("http://127.0.0.1:")
    assert (serving.returncode, rest, "Traceback" in err) == (0, "", False), err
    assert f"served at {said['base_url']}" in err, "a person is told what the line is"
    assert said["api_secret"] not in err
    # Kept for the next time, so that a client of this one is let in again.
    assert Store(tmp_path / "data").served_key() == (said["api_key"], said["api_secret"])


def test_a_served_phoenix_keeps_its_key_where_only_its_owner_reads_it(tmp_path):
    key = Store(tmp_path / "data").served_key()
    assert key[0].startswith("local_")
    assert len(key[1]) == 48
    assert Store(tmp_path / "data").served_key() == key
    assert Store(tmp_path / "other").served_key()[1] != key[1]
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert [path.name for path in files if key[1].encode() in path.read_bytes()] == [
        "phoenix.sqlite"
    ]
    assert stat.S_IMODE((tmp_path / "data" / "phoenix.sqlite").stat().st_mode) == 0o600


def test_a_port_that_is_taken_is_a_sentence(tmp_path, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "--port", port, "--data-dir", str(tmp_path / "data")]) == 2
    err = capsys.readouterr().err
    assert f"Port {port} is not available: Address already in use. Choose another --port" in err
