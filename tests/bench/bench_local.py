"""Requests a second to the local Phoenix inside this process, against a bare Flask application.

    python tests/bench/bench_local.py

Both are reached by httpx through its `WSGITransport`, without a socket. The bare application
answers with the very bytes that the local Phoenix gave, read nowhere: what stays is Flask's and
httpx's own cost, which no application below them can avoid. Reading a model of five images and a
job is measured, and writing a caption, which commits to disk.

The goal is 1,000 models a second.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    sys.path.insert(1, str(Path(__file__).parents[1]))

import httpx
from bench.figures import sized, times_better, turns
from flask import Flask, Response, request
from unit.local.local_phoenix import Phoenix, drawing

from phoenix_nbtrain.client.connect import LOCAL_URL
from phoenix_nbtrain.records import ENDED_JOBS

IMAGES = 5
REQUESTS = sized(300, 3)
"""In a round."""
ROUNDS = sized(9, 1)
Ask = Callable[[httpx.Client], httpx.Response]


def constant(content: bytes) -> Flask:
    """Return an application with one answer to everything."""
    app = Flask("bare")

    @app.route("/v1/<path:_>", methods=["GET", "PUT"])
    def answer(_: str) -> Response:
        request.get_data()
        return Response(content, mimetype="application/json")

    return app


def client(app: Flask) -> httpx.Client:
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url=LOCAL_URL)


def many(http: httpx.Client, ask: Ask) -> Callable[[], None]:
    def run() -> None:
        for _ in range(REQUESTS):
            assert ask(http).status_code == 200

    return run


def trained(phoenix: Phoenix) -> tuple[str, str, str]:
    """Return the ids of a model that was trained, of its job and of one of its images."""
    model_id = phoenix.model()
    colours = ("red", "green", "blue", "teal", "gold")
    assets = [phoenix.upload(drawing(colour=c), f"{c}.png") for c in colours[:IMAGES]]
    for asset_id in assets:
        phoenix.attach(model_id, asset_id)
    job_id = phoenix.launch(model_id, nbEpochs=1, nbRepeats=1)
    phoenix.until(lambda: phoenix.job(job_id)["status"] in ENDED_JOBS)
    return model_id, job_id, assets[0]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        phoenix = Phoenix(Path(name))
        model_id, job_id, asset_id = trained(phoenix)
        caption = {"description": "a red circle"}
        asked: dict[str, Ask] = {
            "models read": lambda http: http.get(f"/models/{model_id}"),
            "jobs read": lambda http: http.get(f"/jobs/{job_id}"),
            "captions written": lambda http: http.put(f"/assets/{asset_id}", json=caption),
        }
        for what, ask in asked.items():
            with client(phoenix.app) as ours:
                same = ask(ours).content
                with client(constant(same)) as bare:
                    taken = turns(many(ours, ask), many(bare, ask), rounds=ROUNDS)
            times_better(f"{what}, against a constant", *taken, "a second", per=REQUESTS)


if __name__ == "__main__":
    main()
