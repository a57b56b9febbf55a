"""A local Phoenix in a folder of its own, spoken to over its wire, for the tests beside this."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from phoenix_nbtrain.local.app import create_app
from phoenix_nbtrain.local.app_context import KEY
from phoenix_nbtrain.local.settings import Settings, load, save
from phoenix_nbtrain.local.store import Store
from phoenix_nbtrain.local.workers import Workers


def drawing(
    kind: str = "circle",
    colour: str | None = None,
    *,
    size: tuple[int, int] = (96, 96),
    paper: str = "white",
) -> bytes:
    """Return a PNG of one outlined shape, filled if a colour is given."""
    image = Image.new("RGB", size, paper)
    pen = ImageDraw.Draw(image)
    box = (size[0] // 5, size[1] // 5, size[0] * 4 // 5, size[1] * 4 // 5)
    draw = pen.ellipse if kind == "circle" else pen.rectangle
    draw(box, outline="black", width=4, fill=colour)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


class Phoenix:
    """A wire to a local Phoenix. ``send`` returns status and decoded body."""

    def __init__(self, data_dir: Path, credentials: tuple[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.app = create_app(data_dir, credentials=credentials)
        self.http = self.app.test_client()
        self.host = "phoenix.local" if credentials is None else "127.0.0.1:8123"

    @property
    def workers(self) -> Workers:
        found: Workers = self.app.extensions[KEY].workers
        return found

    @property
    def store(self) -> Store:
        return self.workers.store

    @property
    def settings(self) -> Settings:
        with self.store.reading() as connection:
            return load(connection)

    def set(self, **values: Any) -> None:
        with self.store.writing() as connection:
            save(connection, replace(load(connection), **values))

    def raw(self, method: str, path: str, **sent: Any) -> Any:
        headers = {"Host": self.host, **sent.pop("headers", {})}
        return self.http.open(path, method=method, headers=headers, **sent)

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        reply = self.raw(method, f"/v1{path}", **({} if body is None else {"json": body}))
        return reply.status_code, reply.get_json()

    def ok(self, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
        found, reply = self.send(method, path, body)
        assert found == status, reply
        return reply

    def fetch(self, url: str) -> Any:
        return self.raw("GET", url.removeprefix("http://phoenix.local"))

    def model(self, type_name: str = "flux.2-dev-lora", name: str = "a model") -> str:
        body = {"name": name, "type": type_name}
        return str(self.ok("POST", "/models", body)["model"]["id"])

    def read(self, model_id: str) -> Any:
        return self.ok("GET", f"/models/{model_id}")["model"]

    def upload(self, content: bytes, name: str = "picture.png", caption: str = "") -> str:
        image = base64.b64encode(content).decode()
        asset = self.ok("POST", "/assets", {"name": name, "image": image})["asset"]
        if caption:
            self.ok("PUT", f"/assets/{asset['id']}", {"description": caption})
        return str(asset["id"])

    def ended_upload(self, upload_id: str) -> Any:
        """Return an upload once it is imported or failed, else None."""
        found = self.ok("GET", f"/uploads/{upload_id}")["upload"]
        return found if found["status"] in ("imported", "failed") else None

    def attach(self, model_id: str, *asset_ids: str) -> None:
        for start in range(0, len(asset_ids), 10):
            part = list(asset_ids[start : start + 10])
            self.ok("POST", f"/models/{model_id}/training-images", {"assetIds": part})

    def style_set(self, count: int = 2, **parameters: Any) -> str:
        """Return a model with images, ready to be trained."""
        model_id = self.model()
        colours = ("red", "blue", "green", "orange", "purple")
        for place in range(count):
            shape = drawing("circle" if place % 2 else "box", colours[place % 5])
            self.attach(model_id, self.upload(shape, f"shape {place}.png"))
        if parameters:
            self.ok("PUT", f"/models/{model_id}", {"parameters": parameters})
        return model_id

    def pair_set(self, *colours: str) -> tuple[str, list[dict[str, str]]]:
        """Return an edit model and its pairs: outlines, and the same filled in each colour."""
        model_id, pairs = self.model("flux.2-dev-edit-lora"), []
        for kind in ("box", "circle"):
            for colour in colours:
                source, target = self.upload(drawing(kind)), self.upload(drawing(kind, colour))
                self.attach(model_id, source, target)
                pair = {"sourceId": source, "targetId": target}
                pairs.append({**pair, "instruction": f"make it {colour}"})
        self.ok("PUT", f"/models/{model_id}/training-images/pairs", pairs)
        return model_id, pairs

    def launch(self, model_id: str, **parameters: Any) -> str:
        body = {"parameters": parameters} if parameters else None
        return str(self.ok("PUT", f"/models/{model_id}/train", body)["job"]["jobId"])

    def job(self, job_id: str) -> Any:
        return self.ok("GET", f"/jobs/{job_id}")["job"]

    def until(self, what: Callable[[], Any], seconds: float = 30) -> Any:
        """Ask again until the answer is true, and return it."""
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.02)
        return found

    def end_workers(self) -> None:
        process = self.workers.process
        if process is not None:
            process.kill()
            process.wait()
