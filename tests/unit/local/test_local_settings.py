"""What can be set about a data folder, by whom, and what older folders become."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from unit.local.local_phoenix import Phoenix

from phoenix_nbtrain.cli import main
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.local import schema
from phoenix_nbtrain.local.settings import Settings, changed, load, set_settings
from phoenix_nbtrain.local.store import Store


def settings_of(data_dir: Path) -> Settings:
    with Store(data_dir).reading() as connection:
        return load(connection)


def test_settings_are_shown_and_changed_by_the_command(tmp_path, capsys):
    command = ["settings", "--data-dir", str(tmp_path)]
    assert main(command) == 0
    shown = capsys.readouterr().out
    for line in ("training_images=50", "balance=none", "discount=0", "import_private=false"):
        assert any(row.startswith(f"{line} ") for row in shown.splitlines()), line
    assert main([*command, "parallel_trainings=0", "balance=99.5", "import_private=true"]) == 0
    assert "parallel_trainings=0" in capsys.readouterr().out
    expected = Settings(parallel_trainings=0, balance=Decimal("99.5"), import_private=True)
    assert settings_of(tmp_path) == expected
    # What it shows, it takes.
    assert main(command) == 0
    words = [row.split()[0] for row in capsys.readouterr().out.splitlines()]
    assert main([*command, *words]) == 0
    assert settings_of(tmp_path) == expected
    assert main([*command, "balance=none"]) == 0
    assert settings_of(tmp_path).balance is None


def test_without_a_folder_the_command_means_this_users_own(tmp_path, monkeypatch):
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path))
    assert main(["settings", "cooldown_seconds=2.5"]) == 0
    assert settings_of(tmp_path / "local").cooldown_seconds == 2.5


def test_a_notebook_sets_what_it_names_and_resets_all_others(tmp_path):
    set_settings(tmp_path / "made", parallel_trainings=0, balance=1.5, import_private=True)
    assert settings_of(tmp_path / "made") == Settings(
        parallel_trainings=0, balance=Decimal("1.5"), import_private=True
    )
    set_settings(str(tmp_path / "made"), balance=None, discount=Decimal("0.1"))
    expected = Settings(discount=Decimal("0.1"))
    assert settings_of(tmp_path / "made") == expected
    for wrong in ({"balanse": 1}, {"balance": -1}, {"discount": "x"}, {"training_images": 2.5}):
        with pytest.raises(InputError):
            set_settings(tmp_path / "made", cooldown_seconds=3, **wrong)
    assert settings_of(tmp_path / "made") == expected


@pytest.mark.parametrize(
    "assignment",
    [
        *("colour=red", "=1", "", "training_images", "training_images=", "training_images=-1"),
        *("training_images=5.5", "training_images=1001", "training_images=many"),
        *("parallel_trainings=101", "cooldown_seconds=-1", "cooldown_seconds=1e9"),
        *("balance=NaN", "balance=-1", "balance=Infinity", "balance=1e400", "balance=x"),
        *("discount=1.1", "discount=20%", "import_private=yes", "import_private=1"),
        "\u202eimport_private=true",
    ],
)
def test_what_cannot_be_set_is_refused_and_nothing_changes(tmp_path, capsys, assignment):
    assert main(["settings", "--data-dir", str(tmp_path), "balance=5", assignment]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.strip()) <= 200 + len("phoenix-nbtrain: ")
    assert settings_of(tmp_path) == Settings()


def test_errors_say_what_a_setting_takes():
    with pytest.raises(InputError, match="There is training_images, parallel_trainings"):
        changed(Settings(), ["colour=red"])
    with pytest.raises(InputError, match=r"discount cannot be 20%\. Give a share from 0 to 1"):
        changed(Settings(), ["discount=20%"])


def test_a_change_holds_for_a_phoenix_that_is_already_there(phoenix):
    model_id = phoenix.style_set(1)
    assert main(["settings", "--data-dir", str(phoenix.data_dir), "parallel_trainings=0"]) == 0
    assert phoenix.send("PUT", f"/models/{model_id}/train")[0] == 429
    found = phoenix.ok("GET", "/teams/team_local/limits")
    assert found["limits"]["parallelTraining"] == 0


def test_the_limits_of_the_team_are_what_is_set(phoenix):
    phoenix.set(training_images=7, cooldown_seconds=30.0, balance=Decimal("12.5"))
    team_id = phoenix.ok("GET", "/teams")["teams"][0]["id"]
    found = phoenix.ok("GET", f"/teams/{team_id}/limits")
    limits = found["limits"]
    assert (limits["maxTrainingDatasets"], limits["minCooldown"], limits["maxCooldown"]) == (
        7,
        30,
        30,
    )
    assert (limits["creativeUnits"], found["values"]["creativeUnits"]) == (12.5, 12.5)
    assert phoenix.send("GET", "/teams/team_x/limits")[0] == 404


def test_a_folder_of_the_first_version_is_brought_on_with_all_it_held(tmp_path):
    fresh = Phoenix(tmp_path / "fresh")
    old = Phoenix(tmp_path / "old")
    model_id = old.style_set(1)
    with closing(sqlite3.connect(old.store.path, isolation_level=None)) as connection:
        # As the first version made it.
        connection.execute("DROP TABLE uploads")
        connection.execute("DROP VIEW unfinished")
        connection.execute("ALTER TABLE models DROP COLUMN deleted_at")
        connection.execute("ALTER TABLE jobs DROP COLUMN discount")
        connection.execute(
            "CREATE VIEW unfinished AS"
            " SELECT * FROM jobs WHERE status NOT IN ('success', 'failure', 'canceled')"
        )
        connection.execute("INSERT INTO settings VALUES ('limits', '{\"balance\": 200.5}')")
        connection.execute("PRAGMA user_version = 1")
    brought = Phoenix(tmp_path / "old")
    assert brought.settings == Settings(balance=Decimal("200.5"))
    assert brought.read(model_id)["trainingImagesNumber"] == 1
    assert brought.send("PUT", f"/models/{model_id}/train?dryRun=true")[0] == 269

    def tables(phoenix: Phoenix) -> dict[str, list[tuple[object, ...]]]:
        with closing(sqlite3.connect(phoenix.store.path)) as connection:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master")]
            return {name: list(connection.execute(f"PRAGMA table_info({name})")) for name in names}

    assert tables(brought) == tables(fresh)
    assert list(schema.MIGRATIONS) == list(range(1, schema.VERSION))
