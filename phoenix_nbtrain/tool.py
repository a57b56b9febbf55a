"""The Phoenix ``train`` tool itself: same parameters, same seven actions, same defaults."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from phoenix_nbtrain import catalog
from phoenix_nbtrain.arguments import flag
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.launch import parse_max_cost
from phoenix_nbtrain.text import MESSAGE_MAX, as_sentence, shown

if TYPE_CHECKING:
    from phoenix_nbtrain.client.phoenix import Phoenix
    from phoenix_nbtrain.training import Training

Action = Literal[
    "upload_images", "update_image", "delete_image", "set_pairs", "configure", "start", "stop"
]
ACTIONS: tuple[Action, ...] = (
    "upload_images",
    "update_image",
    "delete_image",
    "set_pairs",
    "configure",
    "start",
    "stop",
)


class Markdown(str):
    """Text that a notebook shows as Markdown."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return str(self)


def train(
    action: Action,
    model_id: str,
    *,
    training_image_id: str | None = None,
    images: Sequence[str | Path] | None = None,
    image_data: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    config: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    team_id: str | None = None,
    project_id: str | None = None,
    response_format: Literal["json", "markdown"] = "json",
    client: Phoenix | None = None,
    max_cost: object = None,
    again: bool = False,
) -> dict[str, Any] | Markdown:
    """Manage a training, one action at a time.

    Args:
        action: ``upload_images``, ``update_image``, ``delete_image``, ``set_pairs``,
            ``configure``, ``start`` or ``stop``.
        model_id: the model; every action needs it.
        training_image_id: for ``update_image`` and ``delete_image``.
        images: for ``upload_images``: asset ids, URLs for the service to import, or paths of
            images to upload first.
        image_data: for ``update_image`` a caption (``description`` or ``caption``) and/or a new
            image (``assetId``, or ``path``: a file or a URL); for ``set_pairs`` ``{"pairs": […]}`` or a list of
            ``{source, target, instruction}`` or ``{sourceId, targetId, instruction}``.
        config: parameters, by our names, the service's or the tool page's own (``steps``).
        dry_run: for ``configure`` and ``start``: return the cost; nothing is kept and nothing
            starts.
        team_id: scope; a bearer token that reaches several teams needs it.
        project_id: scope; a bearer token that reaches several projects needs it.
        response_format: ``json`` for a dict, ``markdown`` for text that notebooks render.
        client: the Phoenix to use instead of the connected one.
        max_cost: our addition: the most that ``start`` may spend on a hosted Phoenix, as in
            `Training.start`.
        again: our other one: let ``start`` buy the same training once more.

    Returns:
        What the action did, ready for JSON.

    Raises:
        InputError: a wrong action or argument; nothing changed.
        PhoenixError: what the service, or the launch protocol, refused.
    """
    if not isinstance(action, str) or action not in ACTIONS:
        raise InputError(
            f"There is no action {shown(action, 30)}.", remedy=f"Use one of {', '.join(ACTIONS)}."
        )
    dry_run, again = flag("dry_run", dry_run), flag("again", again)
    if not isinstance(response_format, str) or response_format not in ("json", "markdown"):
        raise InputError(
            f"response_format is {shown(response_format, 30)}.", remedy="Use json or markdown."
        )
    if not isinstance(model_id, str) or not model_id.strip():
        raise InputError(f"{action} needs a model_id.", remedy="nbt.models() lists them.")
    if dry_run and action not in ("configure", "start"):
        raise InputError(
            f"{action} has no dry run, and nothing was done.",
            remedy="Leave dry_run out; only configure and start have one.",
        )
    for name, given_ in (("again", again), ("max_cost", max_cost is not None)):
        if given_ and action != "start":
            raise InputError(
                f"{action} takes no {name}.", remedy="Leave it out; only start takes it."
            )
    from phoenix_nbtrain.training import Training

    training = Training.open(
        model_id=model_id, client=_scoped(client, team_id=team_id, project_id=project_id)
    )
    given = {
        "training_image_id": training_image_id,
        "images": images,
        "image_data": image_data,
        "config": config,
        "dry_run": dry_run,
        "max_cost": parse_max_cost(max_cost, training.unit),
        "again": again,
    }
    reply = _DO[action](training, given)
    if response_format == "json":
        return reply
    return Markdown(_as_markdown(f"{action} · {training.name}", reply))


def _scoped(client: Phoenix | None, *, team_id: str | None, project_id: str | None) -> Phoenix:
    from phoenix_nbtrain.client.connect import default_client

    client = client if client is not None else default_client()
    if not callable(getattr(client, "scoped", None)):
        raise InputError(
            f"{shown(client)} is not a Phoenix client.", remedy="Pass what nbt.connect() returns."
        )
    return client.scoped(team_id=team_id, project_id=project_id)


def _needed(action: str, given: Mapping[str, Any], name: str) -> Any:
    value = given[name]
    if value is None or (isinstance(value, str | Sequence | Mapping) and not value):
        raise InputError(f"{action} needs {name}.", remedy="Nothing was changed.")
    return value


def _upload_images(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    images = _needed("upload_images", given, "images")
    if isinstance(images, str | Path):
        images = [images]
    if not isinstance(images, Sequence):
        raise InputError(
            f"images is {shown(images, 40)}.", remedy="Give a list of asset ids, URLs or paths."
        )
    report = training.add_images(images, again=True)  # whoever names images here wants them
    if report.added or report.skipped:
        training.sync()
    draft = training.state.draft
    given_ids = {fate.image_id for fate in report.rows}
    new = {fate.image_id for fate in report.rows if fate.fate == "added"}
    rows = [row for row in draft.images if row.image_id in given_ids]
    there = [row for row in rows if row.attached]
    out = [row for row in rows if not row.attached and row.refusal]
    refused = [{"name": row.name, "reason": row.refusal} for row in out] + [
        {"name": f.name, "reason": f.reason} for f in report.rows if f.fate == "refused"
    ]
    if out:
        # The tool has no rows that wait: what was not taken is not in the set, and may be given
        # again. Nothing is sent twice for it.
        training.remove(*(row.image_id for row in out))
    if refused and not there:
        name, why = refused[0]["name"], refused[0]["reason"]
        raise InputError(as_sentence(f"{shown(name, 50)}: {why}", MESSAGE_MAX))
    reply: dict[str, Any] = {
        "status": "uploaded",
        "count": sum(row.image_id in new for row in there),
        "already": report.skipped,
        "training_images": [{"training_image_id": r.asset_id, "name": r.name} for r in there],
    }
    if report.problem:
        reply["problem"] = report.problem
    return reply | ({"refused": refused} if refused else {})


def _image_of(training: Training, given: Mapping[str, Any], action: str) -> str:
    asset_id = _needed(action, given, "training_image_id")
    training.refresh()
    for row in training.state.draft.images:
        if isinstance(asset_id, str) and asset_id in (row.asset_id, row.image_id):
            return row.image_id
    raise InputError(
        f"{shown(asset_id, 60)} is not a training image of this model.",
        remedy="training.images lists them.",
    )


def _update_image(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    data = _needed("update_image", given, "image_data")
    if not isinstance(data, Mapping):
        raise InputError("image_data must be a record.", remedy='For example {"caption": "…"}.')
    known = {"description", "caption", "assetId", "asset_id", "path"}
    unknown = [key for key in data if key not in known]
    if unknown:
        raise InputError(
            f"image_data has no {shown(unknown[0], 40)}.",
            remedy="It can have description or caption, and assetId or path.",
        )
    if "description" in data and "caption" in data:
        raise InputError("Both description and caption are given.", remedy="Keep one of them.")
    image_id = _image_of(training, given, "update_image")
    caption = data.get("description", data.get("caption"))
    source = data.get("path", data.get("assetId", data.get("asset_id")))
    if caption is None and source is None:
        raise InputError(
            "image_data changes nothing.", remedy="Give a caption, an assetId or a path."
        )
    if caption is not None and not isinstance(caption, str):
        raise InputError(
            f"A caption must be text, not {shown(caption, 40)}.", remedy="Put it in quotes."
        )
    if source is not None:
        training.replace(image_id, source)
        training.sync()
        refusal = training.state.draft.image[image_id].refusal
        if refusal:
            training.undo()
            raise InputError(as_sentence(f"The image stays as it was: {refusal}", MESSAGE_MAX))
    if caption is not None:
        training.set_captions({image_id: caption})
    training.sync()
    row = training.state.draft.image[image_id]
    if row.refusal:
        raise InputError(as_sentence(f"Phoenix refused it: {row.refusal}", MESSAGE_MAX))
    return {
        "status": "updated",
        "training_image": {
            "training_image_id": row.asset_id,
            "name": row.name,
            "description": row.caption,
        },
    }


def _delete_image(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    image_id = _image_of(training, given, "delete_image")
    asset_id = training.state.draft.image[image_id].asset_id
    training.remove(image_id)
    training.sync()
    return {"status": "deleted", "training_image_id": asset_id}


def _set_pairs(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    data = given["image_data"]
    if data is None:
        raise InputError("set_pairs needs image_data.", remedy='{"pairs": [{"source": …}]}')
    if isinstance(data, Mapping):
        if set(data) != {"pairs"}:
            raise InputError(
                "image_data for set_pairs is a record with pairs, or a list.",
                remedy='{"pairs": [{"source": …, "target": …, "instruction": …}]}',
            )
        data = data["pairs"]
    if isinstance(data, str) or not isinstance(data, Sequence):
        raise InputError("pairs must be a list.", remedy='[{"source": …, "target": …}]')
    rows = [_pair(number, pair) for number, pair in enumerate(data, 1)]
    training.refresh()
    training.set_pairs(rows)
    training.sync()
    draft = training.state.draft
    refused = next((p.refusal for p in draft.pairs if p.refusal), "")
    if refused:
        raise InputError(as_sentence(f"Phoenix refused the pairs: {refused}", MESSAGE_MAX))
    return {
        "status": "paired",
        "count": len(draft.pairs),
        "pairs": [
            {
                "sourceId": draft.image[p.source].asset_id,
                "targetId": draft.image[p.target].asset_id,
                "instruction": p.instruction,
            }
            for p in draft.pairs
        ],
    }


def _pair(number: int, pair: object) -> dict[str, Any]:
    names = {"source": "source", "sourceId": "source", "target": "target", "targetId": "target"}
    names |= {"instruction": "instruction"}
    if not isinstance(pair, Mapping) or not set(pair) <= set(names):
        raise InputError(
            f"Pair {number} is {shown(pair, 50)}.",
            remedy="It needs source, target and optionally instruction.",
        )
    row = {names[key]: value for key, value in pair.items()}
    if "source" not in row or "target" not in row:
        missing = "source" if "source" not in row else "target"
        raise InputError(f"Pair {number} has no {missing}.", remedy="Nothing was changed.")
    return {"instruction": "", **row}


def _steps(
    training: Training, config: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what ``steps`` was translated to, where ``config`` came of it."""
    draft = training.state.draft
    items = len(draft.pairs if training.needs_pairs else draft.images)
    total, words = catalog.explain_steps(training.type, config, items)
    changed = [name for name, value in config.items() if value != before[name]]
    return {"steps": f"{total:,} steps: {words}", "changed": changed}


def _set(training: Training, config: Mapping[str, Any]) -> None:
    """Set parameters; where somebody else set one on the service, these are the choice."""
    training.update_config(config)
    given = {name: value for name, value in config.items() if name != catalog.STEPS}
    named = catalog.resolve_names(training.type, given)
    waiting = [name for name in training.state.draft.config_theirs if name in named]
    if waiting:
        training.keep_mine(*waiting)


def _configure(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    config = _needed("configure", given, "config")
    training.refresh()
    before = training.config
    if given["dry_run"]:
        return _priced(training, config)
    _set(training, config)
    training.sync()
    reply = {"status": "configured", "training_started": False, "config": training.config}
    return reply | (_steps(training, training.config, before) if catalog.STEPS in config else {})


def _start(training: Training, given: Mapping[str, Any]) -> dict[str, Any]:
    training.refresh()
    config = {} if given["config"] is None else given["config"]
    before = training.config
    if given["dry_run"]:
        return _priced(training, config)
    _set(training, config)
    run = training.start(max_cost=given["max_cost"], again=given["again"])
    reply = {
        "status": run.status,
        "training_started": not training.launched_before,
        "message": training.state.launch.message,
        "job_id": run.job_id,
        "run_id": run.run_id,
    }
    return reply | (_steps(training, training.config, before) if catalog.STEPS in config else {})


def _priced(training: Training, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the price with ``config``, of which nothing is kept."""
    from phoenix_nbtrain.session.session import session_of

    estimate = training.estimate(config=config)
    wished = session_of(training).settings.merged(config)
    reply: dict[str, Any] = {
        "status": "estimated",
        "training_started": False,
        "config": wished,
        "cost": _plain(estimate.amount),
        "unit": estimate.unit,
        "discount": _plain(estimate.discount),
        "details": {k: _plain(v) for k, v in estimate.details.items()},
    }
    return reply | (_steps(training, wished, training.config) if catalog.STEPS in config else {})


def _stop(training: Training, _: Mapping[str, Any]) -> dict[str, Any]:
    training.stop()
    return {"status": training.status, "message": training.state.launch.message}


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


_DO: Mapping[Action, Callable[[Training, Mapping[str, Any]], dict[str, Any]]] = {
    "upload_images": _upload_images,
    "update_image": _update_image,
    "delete_image": _delete_image,
    "set_pairs": _set_pairs,
    "configure": _configure,
    "start": _start,
    "stop": _stop,
}


def _as_markdown(title: str, reply: Mapping[str, Any]) -> str:
    """Return a reply as Markdown in which strangers' texts stay text."""

    def cell(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        text = text.replace("\n", " ").replace("&", "&amp;").replace("<", "&lt;")
        return "".join("\\" + c if c in "\\`*_[]|~#$" else c for c in text)

    lines = [f"**{cell(title)}**", "", "| | |", "|---|---|"]
    lines += [f"| {cell(key)} | {cell(value)} |" for key, value in reply.items()]
    return "\n".join(lines)
