"""What README promises, each with the tests that hold it; and what only README says."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from platformdirs import user_data_path

import phoenix_nbtrain as nbt
from phoenix_nbtrain import errors
from phoenix_nbtrain.client.credentials import find, kept
from phoenix_nbtrain.home import home
from phoenix_nbtrain.images.drawings import draw_icons

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

PROMISES = {
    "Without an account the same notebook runs against a local Phoenix": [
        "notebooks/test_tutorials.py::test_a_tutorial_run_twice_makes_each_thing_once",
        "contract/test_loop.py::test_the_same_notebook_runs_against_a_served_phoenix",
    ],
    "It refuses and estimates as the hosted one does": [
        "contract/test_client.py::test_a_dry_run_says_the_price_and_starts_nothing",
        "contract/test_client.py::test_what_cannot_be_trained_is_refused",
        "contract/test_sdk_lifecycle.py::test_a_dry_run_is_a_269_whose_price_the_launch_then_bills",
    ],
    "trains a small model of its own and charges nothing": [
        "contract/test_loop.py::test_a_style_is_learned_from_a_folder",
        "views/test_launch.py::test_money_is_named_where_it_is_charged",
    ],
    "opens the first tutorial in JupyterLab, on the local Phoenix": [
        "unit/test_cli.py::test_the_tutorial_opens_in_jupyterlab_without_any_credentials"
    ],
    "The local Phoenix trains on Linux and macOS. On Windows, work inside WSL": [
        "unit/test_cli.py::test_windows_is_told_what_does_not_run_there"
    ],
    "# found again on every run": [
        "unit/session/test_draft.py::test_a_cell_run_again_gets_the_training_its_views_show",
        "unit/test_readme.py::test_the_first_example_runs_as_it_is_written",
    ],
    # -- what it promises
    "Only `start` and `download` can spend": [
        "unit/test_layers.py::test_only_the_launch_protocol_can_send_the_trigger",
        "safety/test_recorder.py::test_a_launch_past_the_protocol_is_caught",
    ],
    "the cost is accepted first": [
        "unit/launch/test_launch.py::test_a_script_on_a_hosted_phoenix_must_say_what_it_may_cost",
        "unit/session/test_buying.py::test_a_click_on_a_price_that_is_not_shown_buys_nothing",
        "views/test_launch.py::test_it_takes_two_clicks_and_however_many_follow_it_starts_once",
        "unit/session/test_download.py::test_a_script_says_what_it_may_cost_and_pays_once",
    ],
    "Running all cells again never launches again": [
        "notebooks/test_tutorials.py::test_a_tutorial_run_twice_makes_each_thing_once",
        "unit/launch/test_launch.py::test_what_is_bought_is_not_bought_again",
    ],
    "an estimate buys once, recorded in a journal on this computer": [
        "unit/launch/test_launch.py::test_an_estimate_buys_once",
        "unit/store/test_journal.py::test_an_estimate_is_spent_once_for_ever",
        "unit/launch/test_processes.py::test_four_processes_make_one_model_one_set_and_one_launch",
    ],
    "the run is looked for by reading, never by sending again": [
        "unit/launch/test_launch.py::test_a_lost_reply_is_adopted_and_never_sent_again",
        "safety/test_machine.py::test_no_schedule_launches_twice_or_unseen",
        "safety/test_sigkill.py::test_no_kill_launches_twice_or_unknown",
    ],
    "An edit is on this computer's disk before a view shows it as saved": [
        "unit/session/test_state_store.py::test_where_the_disk_takes_nothing_every_change_says_so_and_none_is_shown",
        "unit/store/test_database.py::test_a_commit_is_durable_on_a_kept_connection_too",
    ],
    "After a killed kernel, `Training.open` has it": [
        "unit/session/test_draft.py::test_captions_typed_before_a_kill_are_there_again",
        "browser/test_lab_story.py::test_a_caption_outlives_its_kernel_before_it_was_sent",
    ],
    "One model, one upload per image, one run": [
        "unit/session/test_draft.py::test_running_all_cells_twice_makes_one_model_and_one_upload_per_image",
        "browser/test_lab_story.py::test_all_cells_run_twice_make_one_model_one_upload_per_image_and_one_run",
    ],
    "Uploads, estimates and progress continue in the background": [
        "unit/session/test_behind.py::test_no_cell_waits_for_uploads_prices_or_progress",
        "views/test_picker.py::test_a_typed_path_is_added_without_waiting_and_each_fate_is_told",
    ],
    "never reach a widget's state": [
        "views/test_grid.py::test_the_saved_state_holds_no_rows_and_no_secrets",
        "views/test_form.py::test_a_secret_parameter_has_no_field",
        "views/test_progress.py::test_it_looks_after_the_run_when_made_and_holds_no_secret",
        "contract/test_echo.py::test_an_executed_notebook_holds_no_secret",
        "notebooks/test_tutorials.py::test_a_tutorial_run_twice_makes_each_thing_once",
    ],
    # -- the views
    "All views of one training show the same state, and so do its DataFrames": [
        "browser/test_agree.py::test_views_and_kernel_agree_in_the_end",
        "views/test_studio.py::test_each_part_by_itself_says_which_phoenix_it_is",
    ],
    "the images: search, sort, zoom; captions edited in place or in bulk": [
        "browser/test_grid.py::test_search_and_attention_narrow_the_grid",
        "browser/test_grid.py::test_the_kernel_sorts_and_what_is_worked_on_stays_where_it_is",
        "browser/test_grid_viewer.py::test_a_double_click_opens_it_and_escape_gives_the_focus_back",
        "browser/test_grid.py::test_typing_a_caption_and_enter_saves_it_and_goes_on",
        "browser/test_grid_acts.py::test_captions_are_set_for_all_selected_in_one_step_and_seen_before",
    ],
    "type, paste, drag, compare": [
        "browser/test_pairs.py::test_an_instruction_is_typed_in_place_and_enter_goes_down",
        "browser/test_pairs_clipboard.py::test_a_block_is_pasted_into_an_empty_table",
        "browser/test_pairs_drop.py::test_a_dropped_image_takes_the_side_it_falls_on",
        "browser/test_pairs_dialogs.py::test_two_images_are_wiped_over_each_other",
    ],
    "the settings, with their ranges and the number of steps": [
        "views/test_form.py::test_each_parameter_has_a_field_with_its_range_and_its_default",
        "views/test_form.py::test_the_steps_are_counted_in_words",
    ],
    "the cost, Start and Stop": [
        "views/test_launch.py::test_the_price_stands_on_the_panel_and_on_the_button",
        "views/test_launch.py::test_a_running_training_has_no_start",
    ],
    "progress, loss and samples per epoch": [
        "browser/test_progress.py::test_a_run_shows_its_bar_its_loss_and_its_samples",
        "browser/test_progress.py::test_earlier_epochs_come_when_asked_for",
    ],
    "a folder of any size on the kernel's computer, to choose images from; files and zips": [
        "browser/test_picker.py::test_thousands_of_files_cost_a_screenful",
        "browser/test_picker.py::test_twenty_of_thousands_are_chosen_and_added",
        "views/test_picker.py::test_choosing_a_file_names_it_and_cancelling_names_nothing",
    ],
    "| `nbt.Studio(training)` | all of them |": [
        "views/test_studio.py::test_it_shows_every_part_in_the_order_of_the_work"
    ],
    # -- the same from Python
    "reading gives a copy, assigning replaces the dataset": [
        "unit/session/test_draft.py::test_a_frame_read_is_a_copy_and_assigning_it_is_the_truth",
        "unit/session/test_draft.py::test_assigning_a_frame_is_all_or_nothing",
    ],
    "a mapping that can be written to": [
        "unit/session/test_config.py::test_setting_an_item_sets_it"
    ],
    "`estimate`, `start`, `stop`, `wait` and `download` block until they are done": [
        "contract/test_loop.py::test_a_style_is_learned_from_a_folder",
        "unit/session/test_buying.py::test_stop_stops_and_a_stopped_training_may_be_started_again",
        "contract/test_download.py::test_weights_of_the_run_and_of_an_epoch",
    ],
    "a folder, files, a zip, a DataFrame, PIL images, asset ids and URLs": [
        "unit/dataset/test_intake.py::test_a_folder_comes_in_natural_order_with_its_captions",
        "unit/dataset/test_intake.py::test_a_list_keeps_its_order_and_its_gaps_are_told",
        "unit/dataset/test_intake.py::test_a_zip_is_read_with_its_captions",
        "unit/dataset/test_intake.py::test_a_frame_names_files_and_captions",
        "unit/dataset/test_intake.py::test_images_in_memory_are_taken_in_every_mode",
        "unit/dataset/test_intake.py::test_an_asset_is_taken_by_its_id_once",
    ],
    "which the service fetches itself": [
        "unit/session/test_by_url.py::test_they_are_imported_by_the_service_and_added",
        "unit/dataset/test_intake.py::test_a_url_is_listed_by_the_name_in_it_and_nothing_is_fetched",
    ],
    "lists a folder's images without reading them": [
        "unit/session/test_browsing.py::test_a_folder_is_listed_without_a_look_at_any_file",
        "unit/test_readme.py::test_what_was_chosen_of_a_folder_is_added",
    ],
    "takes a CSV file, JSON lines or a DataFrame and reports on each row": [
        "unit/dataset/test_pair_files.py::test_each_line_says_what_became_of_it",
        "unit/dataset/test_pair_files.py::test_json_lines_frames_and_records_are_taken_alike",
    ],
    "`training.save_pairs` writes them": [
        "unit/session/test_pairing.py::test_pairs_go_to_a_file_and_come_from_one_in_one_step"
    ],
    '`training.set_instructions("colour {source}")` sets one instruction for all': [
        "unit/session/test_pairing.py::test_one_sentence_is_written_over_all_pairs_and_undone"
    ],
    "both texts are shown, and `training.keep_mine()` or `training.take_theirs()` chooses": [
        "unit/session/test_draft.py::test_where_both_wrote_both_texts_are_shown_and_ours_is_not_sent",
        "unit/session/test_draft.py::test_where_both_wrote_one_is_kept_and_both_sides_agree",
        "browser/test_grid_both.py::test_where_two_changed_one_caption_both_are_shown_and_one_is_kept",
    ],
    "what this computer launched and what the account's models show": [
        "unit/session/test_memory.py::test_runs_tells_of_both_what_was_launched_here_and_what_only_models_show",
        "unit/session/test_memory.py::test_runs_says_what_it_last_saw_where_the_service_does_not_answer",
    ],
    "the account's models; what can be trained, with the ranges of its main settings": [
        "unit/session/test_account.py::test_models_tell_when_they_were_made_as_runs_tell_when_they_were_launched",
        "unit/session/test_account.py::test_each_type_shows_its_ranges_as_the_catalog_has_them",
    ],
    "the training of an existing run; creates nothing": [
        "unit/session/test_buying.py::test_attach_joins_the_last_run_and_creates_nothing",
        "unit/session/test_buying.py::test_attach_passes_over_models_that_were_deleted",
    ],
    "what is installed, and which Phoenix is connected": [
        "unit/client/test_doctor.py::test_a_fresh_computer_is_well_and_stays_untouched",
        "unit/client/test_doctor.py::test_the_connected_phoenix_is_the_one_that_is_asked",
    ],
    "the Phoenix `train` tool with its seven actions": [
        "contract/test_tool.py::test_the_actions_are_those_of_the_tool",
        "contract/test_tool.py::test_the_whole_life_of_a_training",
        "contract/test_tool.py::test_the_same_seven_actions",
    ],
    # -- a shared notebook
    "Where no widget can run, as on GitHub, in an exported page": [
        "browser/test_snapshot_lab.py::test_a_snapshot_beside_live_views_in_the_file_and_reopened",
        "notebooks/test_saved.py::test_the_file_shows_the_last_state_with_its_images",
    ],
    "the first 24 images with their captions, the first 20 pairs": [
        "views/test_snapshot.py::test_its_numbers_are_those_of_the_frames",
        "views/test_snapshot.py::test_every_view_says_something",
    ],
    "at most 300 KB per view": ["views/test_snapshot.py::test_it_stays_small_whatever_is_in_it"],
    '`nbt.options.snapshots` is `"full"` (the default on the local Phoenix)': [
        "views/test_snapshot.py::test_what_is_kept_in_a_notebook_is_for_the_person_to_say",
        "views/test_snapshot.py::test_an_option_says_what_it_takes",
    ],
    # -- hosted or local
    "takes the first of these": [
        "unit/test_readme.py::test_credentials_come_from_the_first_source_that_has_any"
    ],
    "which asks without echo and saves a file that only you can read": [
        "unit/client/test_login.py::test_a_key_is_asked_checked_and_kept_for_its_owner_only",
        "unit/client/test_login.py::test_where_nobody_can_be_asked_without_an_echo_the_environment_is_named",
    ],
    "(`nbt.logout()` deletes it)": [
        "unit/client/test_login.py::test_logout_deletes_it_and_says_so"
    ],
    "Sources are never mixed": [
        "unit/client/test_credentials.py::test_credentials_that_cannot_be_used_are_refused_and_never_completed_from_elsewhere",
    ],
    "Without it, the error shows today's cost and the line to copy": [
        "unit/session/test_buying.py::test_on_a_hosted_phoenix_a_script_names_its_price"
    ],
    "it is never sent again. Reads find the run if there is one": [
        "unit/launch/test_launch.py::test_a_lost_request_stays_uncertain_and_is_never_sent_again",
        "unit/launch/test_launch.py::test_an_uncertain_launch_is_left_by_reading",
    ],
    "after three reads over two minutes without a trace": [
        "unit/launch/test_reconcile.py::test_three_reads_over_two_minutes_without_a_trace_are_the_way_out",
        "unit/launch/test_reconcile.py::test_a_person_goes_on_with_a_price_of_today_and_not_with_one_from_before",
    ],
    "If this computer's memory is gone, or on a second computer": [
        "safety/test_memory_lost.py::test_the_run_is_joined_and_not_bought_again",
        "unit/launch/test_reconcile.py::test_a_run_of_the_same_set_that_has_ended_is_not_bought_again",
    ],
    "is not bought again unless you call `start(again=True)`": [
        "unit/launch/test_launch.py::test_what_may_be_bought_after_a_run"
    ],
    "learns colours and textures from your images": [
        "unit/engines/test_patch_trainer.py::test_the_loss_falls_and_an_unseen_drawing_is_coloured",
        "unit/engines/test_patch_trainer.py::test_real_line_drawings_are_learned_to_be_coloured",
    ],
    "its costs are simulated, and every view says so": [
        "views/test_studio.py::test_each_part_by_itself_says_which_phoenix_it_is",
        "views/test_launch.py::test_money_is_named_where_it_is_charged",
        "views/test_progress.py::test_only_the_local_phoenix_speaks_of_its_patch_trainer",
    ],
    "`phoenix-nbtrain serve` puts it on a port of this computer": [
        "unit/test_cli.py::test_a_served_phoenix_says_where_it_is_wants_its_key_and_ends_when_told"
    ],
    "`phoenix-nbtrain settings` sets its limits, cooldown, balance and discount": [
        "unit/local/test_local_settings.py::test_settings_are_shown_and_changed_by_the_command",
        "unit/local/test_local_trigger.py::test_parallel_trainings_have_a_ceiling_that_may_be_none_at_all",
        "unit/local/test_local_trigger.py::test_launches_can_be_made_to_cool_down",
    ],
    "so that a notebook can meet each refusal; the second tutorial does": [
        "notebooks/test_tutorials.py::test_a_tutorial_run_twice_makes_each_thing_once"
    ],
    "by default the platform's folder for user data, readable by you only": [
        "unit/test_readme.py::test_what_is_remembered_is_where_it_says",
        "unit/test_home.py::test_every_folder_of_a_fresh_home_is_its_owner_s_only",
    ],
    "Every error of the toolkit is an `nbt.PhoenixError`": [
        "unit/test_readme.py::test_every_error_of_the_tree_is_one_of_ours",
        "unit/test_import.py::test_the_errors_that_people_catch_are_public_and_the_tree_s_own",
    ],
    "`scripts/check` runs what a commit must pass": [
        "unit/test_readme.py::test_the_check_runs_formatter_linter_types_and_tests"
    ],
}
"""Words of README, and the tests below ``tests`` that fail where they are not true."""


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_held_by_tests_that_there_are(promise):
    assert promise in README
    for name in PROMISES[promise]:
        path, _, test = name.partition("::")
        source = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert re.search(rf"^\s*def {test}\(", source, re.MULTILINE), name


# -- what no other test holds ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "begins", [r"python3 -m venv \.venv && ", r"py -m venv \.venv; "], ids=["sh", "powershell"]
)
def test_the_two_commands_are_there_each_in_one_line(begins):
    lines = re.findall(rf"^{begins}.*$", README, re.MULTILINE)
    assert [re.split("&& |; ", line)[-1] for line in lines] == [
        "phoenix-nbtrain tutorial",
        "pytest",
    ]
    extras = [re.findall(r'pip install "\.\[(\w+)\]"', line) for line in lines]
    assert extras == [["lab"], ["test"]]


def test_it_names_the_python_that_is_needed():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (version,) = re.findall(r"Python ([\d.]+) or newer", README)
    assert project["requires-python"] == f">={version}"
    assert {"lab", "test", "serve"} <= set(project["optional-dependencies"])


def test_every_name_in_readme_exists():
    for name in set(re.findall(r"nbt\.([A-Za-z_]+)", README)):
        assert hasattr(nbt, name), name
    for name in set(re.findall(r"training\.([a-z_]+)", README)):
        assert hasattr(nbt.Training, name), name
    for name in re.findall(r"--notebook (\S+\.ipynb)", README):
        assert (ROOT / "notebooks" / name).is_file()


@pytest.fixture
def props(tmp_path, monkeypatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield draw_icons("props", count=3, size=64)


def test_the_first_example_runs_as_it_is_written(props):
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    seen = []
    for _ in range(2):
        names: dict[str, object] = {}
        exec(example, names)  # our own README
        training = names["training"]
        assert isinstance(training, nbt.Training)
        training.sync()
        seen.append((training.model_id, list(training.images["state"])))
    assert seen == [(training.model_id, ["saved"] * 3)] * 2


def test_what_was_chosen_of_a_folder_is_added(props):
    nbt.connect("local")
    training = nbt.Training.open("chosen", type="flux.2-dev-lora")
    found = training.browse(props)
    ids = list(found.files)[1:]
    training.add_images(found.paths(ids))
    assert sorted(training.images["name"]) == sorted(p.name for p in props.iterdir())[1:]
    training.sync()


def test_credentials_come_from_the_first_source_that_has_any(tmp_path):
    saved = {"bearer_token": "saved"}
    (tmp_path / "login.json").write_text('{"bearer_token": "saved"}', encoding="utf-8")
    sources = [
        {"PHOENIX_NBTRAIN_API_KEY": "ours", "PHOENIX_NBTRAIN_API_SECRET": "s"},
        {"SCENARIO_SDK_API_KEY": "sdk", "SCENARIO_SDK_API_SECRET": "s"},
        {"SCENARIO_API_KEY": "plain", "SCENARIO_API_SECRET": "s"},
    ]
    for name in [*(n for source in sources for n in source), "SCENARIO_SDK_JWT"]:
        assert f"`{name}`" in README
    left = [*sources, saved]
    environment = {"PHOENIX_NBTRAIN_HOME": str(tmp_path)}
    found = []
    given = kept({"api_key": "given", "api_secret": "s"})
    with patch.dict(os.environ, environment | {k: v for s in sources for k, v in s.items()}):
        for first in [given, *left]:
            credentials = find(given if first is given else None)
            secret = credentials.api_key or credentials.bearer_token
            found.append(secret.reveal())
            for name in first:
                os.environ.pop(name, None)
        assert found == ["given", "ours", "sdk", "plain", "saved"]
        (tmp_path / "login.json").unlink()
        assert find() is None
        assert nbt.connect().is_local


def test_what_is_remembered_is_where_it_says(monkeypatch, tmp_path):
    monkeypatch.delenv("PHOENIX_NBTRAIN_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert home() == user_data_path("phoenix-nbtrain", appauthor=False)
    monkeypatch.setenv("PHOENIX_NBTRAIN_HOME", str(tmp_path / "mine"))
    assert home() == tmp_path / "mine"


def test_every_error_of_the_tree_is_one_of_ours():
    kinds = [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, BaseException)
    ]
    assert len(kinds) > 20
    assert all(issubclass(kind, nbt.PhoenixError) for kind in kinds)
    assert {kind.__name__ for kind in kinds} <= set(errors.__all__)
    # Each is on the tree that the module's own words draw.
    for kind in kinds:
        assert re.search(rf"^[ │├└─]*{kind.__name__}\b", errors.__doc__ or "", re.MULTILINE), kind


def test_the_check_runs_formatter_linter_types_and_tests():
    check = ROOT / "scripts" / "check"
    assert os.access(check, os.X_OK)
    lines = check.read_text(encoding="utf-8").splitlines()
    assert lines[-4:] == ["ruff format --check .", "ruff check .", "mypy", 'pytest "$@"']
