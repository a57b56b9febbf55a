"""A hosted Phoenix in memory that answers in the bodies of the service's documentation.

Small, and not a second service: it holds what the contract tests need, in the documented shapes,
with further keys that no record knows.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx

STORAGE = "https://storage.test"
DATE = "2026-11-24T12:00:00.000Z"

Body = dict[str, Any]


class Refused(Exception):
    def __init__(self, status: int, **body: Any) -> None:
        super().__init__(status, body)
        self.reply = httpx.Response(status, json=body)


class Documented:
    """Answers requests to the API and to its storage host."""

    def __init__(self) -> None:
        self.models: dict[str, Body] = {}
        self.assets: dict[str, Body] = {}
        self.jobs: dict[str, Body] = {}
        self.uploads: dict[str, Body] = {}
        self.files: dict[str, bytes] = {}
        self._ids = count(1)
        part = r"([^/]+)"
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
            (method, re.compile(path.replace("*", part)), handler)
            for method, path, handler in (
                ("GET", "/models", self.list_models),
                ("POST", "/models", self.create_model),
                ("POST", "/models/get-bulk", self.get_models),
                ("GET", "/models/*", self.get_model),
                ("PUT", "/models/*", self.update_model),
                ("DELETE", "/models/*", self.delete_model),
                ("POST", "/models/*/training-images", self.add_images),
                ("PUT", "/models/*/training-images/pairs", self.replace_pairs),
                ("PUT", "/models/*/training-images/*", self.replace_image),
                ("DELETE", "/models/*/training-images/*", self.delete_image),
                ("PUT", "/models/*/train", self.train),
                ("POST", "/models/*/train/action", self.cancel),
                ("POST", "/models/*/download", self.download),
                ("GET", "/jobs", self.list_jobs),
                ("GET", "/jobs/*", self.get_job),
                ("POST", "/assets", self.upload),
                ("POST", "/assets/get-bulk", self.get_assets),
                ("GET", "/assets/download/*", self.get_download),
                ("GET", "/assets/*", self.get_asset),
                ("PUT", "/assets/*", self.update_asset),
                ("POST", "/uploads", self.begin_upload),
                ("GET", "/uploads/*", self.get_upload),
                ("POST", "/uploads/*/action", self.complete_upload),
                ("GET", "/teams", self.teams),
                ("GET", "/teams/*/limits", self.limits),
            )
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "storage.test":
            return self.storage(request)
        path = request.url.path.removeprefix("/v1")
        body = json.loads(request.content) if request.content else {}
        for method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found is not None and method == request.method:
                try:
                    reply = handler(*found.groups(), body=body, query=request.url.params)
                except Refused as refused:
                    return refused.reply
                dry = "dryRun" in request.url.params
                return httpx.Response(269 if dry else 200, json=reply)
        return httpx.Response(404, text="<html><h1>Not Found</h1></html>")

    def storage(self, request: httpx.Request) -> httpx.Response:
        assert "authorization" not in request.headers, "storage hosts get no credentials"
        if "signature" not in request.url.params:
            return httpx.Response(403, text="<Error><Code>AccessDenied</Code></Error>")
        if request.method == "PUT":
            self.files[request.url.path] = request.content
            return httpx.Response(200)
        return httpx.Response(200, content=self.files[request.url.path])

    def new(self, kind: str) -> str:
        return f"{kind}_{next(self._ids)}"

    def found(self, kind: str, key: str) -> Body:
        thing: Body | None = getattr(self, f"{kind.lower()}s").get(key)
        if thing is None:
            raise Refused(404, reason=f"{kind} {key} not found", trace_id="t-1")
        return thing

    # -- models -----------------------------------------------------------------------------------

    def model(self, model: Body, *, listed: bool = False) -> Body:
        images = [
            {
                "id": i,
                "name": self.assets[i]["metadata"]["name"],
                "description": self.assets[i]["description"],
                "automaticCaptioning": "",
                "downloadUrl": self.assets[i]["url"],
                "createdAt": DATE,
            }
            for i in model["images"]
        ]
        kept = {k: v for k, v in model.items() if k != "images"}
        shown = images[:3] if listed else images
        return {**kept, "trainingImages": shown, "trainingImagesNumber": len(images)}

    def create_model(self, *, body: Body, query: Any) -> Body:
        model_id = self.new("model")
        fixed = {"status": "new", "source": "scenario", "privacy": "private", "custom": True}
        dates = {"createdAt": DATE, "updatedAt": DATE, "complianceMetadata": {"x": 1}}
        self.models[model_id] = {"id": model_id, "images": [], **fixed, **dates, **body}
        return {"model": self.model(self.models[model_id])}

    def get_model(self, key: str, *, body: Body, query: Any) -> Body:
        return {"model": self.model(self.found("Model", key))}

    def get_models(self, *, body: Body, query: Any) -> Body:
        ids = [i for i in body["modelIds"] if i in self.models]
        return {"models": [self.model(self.models[i], listed=True) for i in reversed(ids)]}

    def list_models(self, *, body: Body, query: Any) -> Body:
        # Pages of two, the first of them empty, as the service allows itself.
        models = [self.model(m, listed=True) for m in self.models.values()]
        models = [m for m in models if query.get("status") in (None, m["status"])]
        token = query.get("paginationToken")
        if token is None:
            return {"models": [], "nextPaginationToken": "0"}
        start = int(token)
        more = {"nextPaginationToken": str(start + 2)} if start + 2 < len(models) else {}
        return {"models": models[start : start + 2], **more}

    def update_model(self, key: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        model.update(body)
        if model.get("epoch", "") is None:
            del model["epoch"]
        return {"model": self.model(model)}

    def delete_model(self, key: str, *, body: Body, query: Any) -> Body:
        self.found("Model", key)
        del self.models[key]
        return {}

    # -- training images --------------------------------------------------------------------------

    def add_images(self, key: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        ids = body.get("assetIds") or [body["assetId"]]
        if len(ids) > 10:
            raise Refused(400, reason="Too many assetIds provided in a single request")
        for asset_id in ids:
            self.found("Asset", asset_id)
            if asset_id in model["images"]:
                words = "The provided assetId is already a training image of this model"
                raise Refused(400, reason=words)
        model["images"] += ids
        images = {i["id"]: i for i in self.model(model)["trainingImages"]}
        # The SDK's type says one image even for several.
        return {"trainingImage": images[ids[0]], "trainingImages": [images[i] for i in ids]}

    def replace_image(self, key: str, image: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        if image not in model["images"]:
            raise Refused(404, reason=f"Training image {image} not found")
        model["images"][model["images"].index(image)] = body["assetId"]
        images = {i["id"]: i for i in self.model(model)["trainingImages"]}
        return {"trainingImage": images[body["assetId"]]}

    def delete_image(self, key: str, image: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        if image not in model["images"]:
            raise Refused(404, reason=f"Training image {image} not found")
        model["images"].remove(image)
        return {}

    def replace_pairs(self, key: str, *, body: list[Body], query: Any) -> Body:
        model = self.found("Model", key)
        for pair in body:
            if not {pair["sourceId"], pair["targetId"]} <= set(model["images"]):
                raise Refused(400, reason="Pairs must be of training images of this model")
        model["trainingImagePairs"] = body
        return {"count": len(body), "pairs": body}

    # -- training and downloads -------------------------------------------------------------------

    @staticmethod
    def cost(amount: float, item: str) -> Body:
        return {
            "creativeUnitsCost": amount,
            "creativeUnitsDiscount": 0,
            "costDetails": {item: amount},
        }

    def job(self, kind: str, status: str, output: Body) -> Body:
        job_id = self.new("job")
        self.jobs[job_id] = {
            "jobId": job_id,
            "jobType": kind,
            "status": status,
            "progress": 0.5,
            "createdAt": DATE,
            "updatedAt": DATE,
            "statusHistory": [{"status": "queued", "date": DATE}, {"status": status, "date": DATE}],
            "metadata": {"output": output},
            "billing": {"cuCost": 10.75, "cuDiscount": 0},
        }
        return self.jobs[job_id]

    def train(self, key: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        if not model["images"]:
            raise Refused(400, reason="The model has no training images")
        if query.get("dryRun"):
            return self.cost(10.75, "train-model")
        if model["status"] == "training":
            raise Refused(400, reason="Model is already training", trace_id="t-2")
        job = self.job("musubi-model-training", "queued", {})
        model |= {"status": "training", "jobId": job["jobId"]}
        return {"job": job, "model": self.model(model), **self.cost(10.75, "train-model")}

    def cancel(self, key: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        if model["status"] != "training":
            raise Refused(400, reason="Model is not training")
        model["status"] = "training-canceled"
        self.jobs[model["jobId"]]["status"] = "canceled"
        return {"model": self.model(model)}

    def finish(self, model_id: str) -> None:
        """End a training, as the service does by itself."""
        model = self.models[model_id]
        model |= {
            "status": "trained",
            "trainingStats": {"startedAt": DATE, "endedAt": DATE, "trainDuration": 12.5},
            "epochs": [{"epoch": "1", "assets": []}],
        }
        self.jobs[model["jobId"]]["status"] = "success"

    def download(self, key: str, *, body: Body, query: Any) -> Body:
        model = self.found("Model", key)
        if model["status"] != "trained":
            raise Refused(400, reason="Only a trained model can be downloaded")
        if query.get("dryRun"):
            return self.cost(5, "model-download")
        job = self.job("model-download", "success", {})
        self.files[f"/d/{job['jobId']}"] = b"weights of " + model["id"].encode()
        return {"jobId": job["jobId"]}

    def get_download(self, key: str, *, body: Body, query: Any) -> Body:
        job = self.found("Job", key)
        url = f"{STORAGE}/d/{key}?signature=s&expires=1"
        return {"jobId": key, "jobStatus": job["status"], "downloadUrl": url}

    def get_job(self, key: str, *, body: Body, query: Any) -> Body:
        return {"job": self.found("Job", key)}

    def list_jobs(self, *, body: Body, query: Any) -> Body:
        types = query["types"].split(",") if "types" in query else None
        jobs = [j for j in self.jobs.values() if types is None or j["jobType"] in types]
        return {"jobs": [j for j in jobs if query.get("status") in (None, j["status"])]}

    # -- assets -----------------------------------------------------------------------------------

    def asset(self, name: str, content: bytes) -> Body:
        asset_id = self.new("asset")
        self.files[f"/a/{asset_id}"] = content
        self.assets[asset_id] = {
            "id": asset_id,
            "url": f"{STORAGE}/a/{asset_id}?signature=s",
            "mimeType": "image/png",
            "kind": "image",
            "status": "success",
            "metadata": {"kind": "image", "type": "uploaded", "name": name},
            "properties": {"size": len(content)},
            "description": "",
        }
        return self.assets[asset_id]

    def upload(self, *, body: Body, query: Any) -> Body:
        import base64

        return {"asset": self.asset(body["name"], base64.b64decode(body["image"]))}

    def get_asset(self, key: str, *, body: Body, query: Any) -> Body:
        return {"asset": self.found("Asset", key)}

    def get_assets(self, *, body: Body, query: Any) -> Body:
        if len(body["assetIds"]) > 200:
            raise Refused(400, reason="Too many assetIds")
        return {"assets": [self.assets[i] for i in body["assetIds"][::-1] if i in self.assets]}

    def update_asset(self, key: str, *, body: Body, query: Any) -> Body:
        asset = self.found("Asset", key)
        if "name" in body:
            asset["metadata"]["name"] = body["name"]
        asset |= {k: v for k, v in body.items() if k != "name"}
        return {"asset": asset}

    def begin_upload(self, *, body: Body, query: Any) -> Body:
        upload_id = self.new("upload")
        numbers = range(1, body.get("parts", 0) + 1)
        upload = {
            "id": upload_id,
            "status": "pending",
            "kind": body["kind"],
            "source": "url" if "url" in body else "multipart",
            "fileName": body.get("fileName", "picture"),
            "parts": [
                {"number": n, "url": f"{STORAGE}/u/{upload_id}/{n}?signature=s", "expires": DATE}
                for n in numbers
            ],
        }
        self.uploads[upload_id] = upload
        if "url" in body:  # nothing is fetched by this one
            upload |= {"status": "failed", "errorMessage": "The address cannot be fetched"}
        return {"upload": upload}

    def get_upload(self, key: str, *, body: Body, query: Any) -> Body:
        upload = self.found("Upload", key)
        if upload["status"] == "validating":
            paths = [httpx.URL(p["url"]).path for p in upload["parts"]]
            content = b"".join(self.files[path] for path in paths)
            asset = self.asset(upload["fileName"], content)
            upload |= {"status": "imported", "entityId": asset["id"]}
        return {"upload": upload}

    def complete_upload(self, key: str, *, body: Body, query: Any) -> Body:
        upload = self.found("Upload", key)
        upload["status"] = "validating"
        return {"upload": upload}

    # -- account ----------------------------------------------------------------------------------

    def teams(self, *, body: Body, query: Any) -> Body:
        project = {"id": "proj_1", "name": "One", "createdAt": DATE}
        return {"teams": [{"id": "team_1", "name": "Team", "plan": "pro", "projects": [project]}]}

    def limits(self, key: str, *, body: Body, query: Any) -> Body:
        if key != "team_1":
            raise Refused(403, message="API Keys cannot access protected resources")
        return {
            "plan": "pro",
            "limits": {"parallelTraining": 2, "models": 100},
            "values": {"creativeUnits": 1234.5},
            "period": {"start": DATE, "end": DATE},
        }
