"""A picture arrives once and whole, wherever its upload was cut off."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from wire import Wire

from phoenix_nbtrain.client import uploads
from phoenix_nbtrain.errors import ImageError, InputError, ServiceError, ServiceUnreachable
from phoenix_nbtrain.records import Asset

STORAGE = "https://storage.test/u"


@pytest.fixture(scope="module")
def big() -> bytes:
    """A PNG that needs two parts: noise, which does not compress."""
    noise = np.random.default_rng(7).integers(0, 256, (1700, 1800, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    assert uploads.PART_BYTES < len(file.getvalue()) < 2 * uploads.PART_BYTES
    return file.getvalue()


class Service:
    """Takes uploads as the service documents it, and fails where it is told to."""

    def __init__(self) -> None:
        self.uploads: dict[str, dict[str, Any]] = {}
        self.stored: dict[str, bytes] = {}
        self.looks = 2
        """Reads until an upload that was completed is imported."""
        self.faults: dict[str, list[Exception | httpx.Response]] = {}
        """By step: raised before it happens; a fault named ``after …`` loses its reply."""
        self.wire = Wire(self.answer)

    @property
    def steps(self) -> list[str]:
        seen = [*self.wire.requests, *self.wire.foreign]
        return [self.step(request) for request in seen]

    @staticmethod
    def step(request: httpx.Request) -> str:
        if request.url.host == "storage.test":
            return "part"
        path = request.url.path.removeprefix("/v1/").split("/")
        if path[0] == "assets":
            return "inline" if request.method == "POST" else "asset"
        if request.method == "GET":
            return "look"
        return "begin" if path == ["uploads"] else "complete"

    def fault(self, name: str) -> httpx.Response | None:
        for fault in self.faults.get(name, [])[:1]:
            self.faults[name].pop(0)
            if isinstance(fault, BaseException):
                raise fault
            return fault
        return None

    def answer(self, request: httpx.Request) -> httpx.Response:
        step = self.step(request)
        refusal = self.fault(step)
        if refusal is not None:
            return refusal
        reply = getattr(self, f"do_{step}")(request)
        self.fault(f"after {step}")
        return reply

    def do_inline(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"asset": {"id": "asset_inline"}})

    def do_begin(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        upload_id = f"upload_{len(self.uploads) + 1}"
        parts = [
            {"number": n + 1, "url": f"{STORAGE}/{upload_id}/{n + 1}?signature=hunter2"}
            for n in range(body.get("parts", 0))
        ]
        kind = "url" if "url" in body else "multipart"
        upload = {"id": upload_id, "status": "pending", "source": kind, "asked": body}
        if kind == "url":
            upload["status"], upload["left"] = "validating", self.looks
        self.uploads[upload_id] = {**upload, "parts": parts}
        return self.shown(upload_id)

    def do_part(self, request: httpx.Request) -> httpx.Response:
        self.stored[request.url.path] = request.content
        return httpx.Response(204)

    def do_complete(self, request: httpx.Request) -> httpx.Response:
        upload_id = request.url.path.split("/")[3]
        upload = self.uploads[upload_id]
        if upload["status"] != "pending":
            return httpx.Response(400, json={"reason": "Upload is already complete"})
        upload |= {"status": "validating", "left": self.looks}
        return self.shown(upload_id)

    def do_look(self, request: httpx.Request) -> httpx.Response:
        upload_id = request.url.path.split("/")[3]
        upload = self.uploads.get(upload_id)
        if upload is None:
            return httpx.Response(404, json={"reason": "Upload not found"})
        if upload["status"] == "validating":
            upload["left"] -= 1
            if upload["left"] <= 0:
                upload |= {"status": "imported", "entityId": f"asset_of_{upload_id}"}
        return self.shown(upload_id)

    def do_asset(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"asset": {"id": request.url.path.split("/")[3]}})

    def shown(self, upload_id: str) -> httpx.Response:
        return httpx.Response(200, json={"upload": self.uploads[upload_id]})

    def whole(self, upload_id: str) -> bytes:
        """The parts that were stored of an upload, put together."""
        mine = {path: part for path, part in self.stored.items() if f"/{upload_id}/" in path}
        return b"".join(mine[path] for path in sorted(mine))


@pytest.fixture
def service() -> Service:
    return Service()


def test_up_to_four_megabytes_go_in_one_request(service: Service) -> None:
    for size in (1, uploads.INLINE_BYTES_MAX):
        assert service.wire.phoenix.upload_image("a.png", bytes(size)).id == "asset_inline"
    assert service.steps == ["inline", "inline"]


def test_more_goes_in_parts_that_carry_no_credentials(service: Service, big: bytes) -> None:
    begun: list[str] = []
    asset = service.wire.phoenix.upload_image("fox.png", big, begun=begun.append)
    assert asset == Asset(id="asset_of_upload_1")
    assert begun == ["upload_1"]
    assert service.uploads["upload_1"]["asked"] == {
        "fileName": "fox.png",
        "contentType": "image/png",
        "fileSize": len(big),
        "parts": 2,
        "kind": "image",
    }
    assert service.whole("upload_1") == big
    sizes = [len(r.content) for r in service.wire.foreign]
    assert sizes == [uploads.PART_BYTES, len(big) - uploads.PART_BYTES]
    assert sizes[0] >= 5_000_000, "the service's least, but for the last part"
    for part in service.wire.foreign:
        assert "authorization" not in part.headers
        assert "projectId" not in part.url.params
    assert all("authorization" in r.headers for r in service.wire.requests)


@pytest.mark.parametrize(
    "step",
    ["begin", "part", "complete", "look", "asset",
     "after begin", "after part", "after complete", "after look"],
)  # fmt: skip
def test_ctrl_c_anywhere_leaves_nothing_that_a_second_call_does_not_finish(
    service: Service, big: bytes, step: str
) -> None:
    begun: list[str] = []
    service.faults[step] = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        service.wire.phoenix.upload_image("fox.png", big, begun=begun.append)
    known = begun[-1] if begun else None
    asset = service.wire.phoenix.upload_image("fox.png", big, upload_id=known, begun=begun.append)
    assert asset.id == f"asset_of_{begun[-1]}"
    assert service.whole(begun[-1]) == big
    assert [u["status"] for u in service.uploads.values()].count("imported") == 1
    # Only a begin whose reply was lost leaves an upload behind: empty, and nobody's asset.
    assert len(service.uploads) == (2 if step == "after begin" else 1)


def test_what_was_imported_meanwhile_is_read_and_not_sent_again(
    service: Service, big: bytes
) -> None:
    first = service.wire.phoenix.upload_image("fox.png", big)
    service.wire.requests.clear()
    service.wire.foreign.clear()
    assert service.wire.phoenix.upload_image("fox.png", big, upload_id="upload_1") == first
    assert service.steps == ["look", "asset"]


@pytest.mark.parametrize("why", ["gone", "failed", "other parts", "expired"])
def test_an_upload_that_cannot_go_on_is_begun_again(service: Service, big: bytes, why: str) -> None:
    service.faults["part"] = [KeyboardInterrupt()]  # type: ignore[list-item]
    with pytest.raises(KeyboardInterrupt):
        service.wire.phoenix.upload_image("fox.png", big)
    if why == "gone":
        service.uploads["upload_9"] = service.uploads.pop("upload_1")
    elif why == "failed":
        service.uploads["upload_1"]["status"] = "failed"
    elif why == "other parts":
        service.uploads["upload_1"]["parts"].pop()
    else:
        service.faults["part"] = [httpx.Response(403, text="<Error>AccessDenied</Error>")]
    asset = service.wire.phoenix.upload_image("fox.png", big, upload_id="upload_1")
    assert asset.id == "asset_of_upload_2"
    assert service.whole("upload_2") == big


@pytest.mark.parametrize("step", ["part", "after part"])
def test_a_part_whose_reply_is_lost_is_sent_again(service: Service, big: bytes, step: str) -> None:
    service.faults[step] = [httpx.ReadTimeout("slow"), httpx.WriteError("reset")]
    service.wire.phoenix.upload_image("fox.png", big)
    assert service.steps.count("part") == 4
    assert service.whole("upload_1") == big


def test_a_complete_whose_reply_is_lost_is_not_sent_again(service: Service, big: bytes) -> None:
    service.faults["after complete"] = [httpx.ReadTimeout("slow")]
    service.wire.phoenix.upload_image("fox.png", big)
    assert service.steps.count("complete") == 1


def test_a_complete_that_never_arrived_is_sent_again(service: Service, big: bytes) -> None:
    service.faults["complete"] = [httpx.ReadTimeout("slow")]
    service.wire.phoenix.upload_image("fox.png", big)
    assert service.steps.count("complete") == 2


def test_a_begin_is_never_repeated_since_each_makes_another(service: Service, big: bytes) -> None:
    service.faults["begin"] = [httpx.ReadTimeout("slow")]
    with pytest.raises(ServiceUnreachable):
        service.wire.phoenix.upload_image("fox.png", big)
    assert service.steps == ["begin"]


def test_an_import_that_does_not_end_is_given_up_in_time_and_can_be_gone_on_with(
    service: Service, big: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])

    def sleep(seconds: float) -> None:
        now[0] += seconds

    service.wire.phoenix._http.sleep = sleep
    service.looks = 10_000
    with pytest.raises(ServiceUnreachable, match="not imported after 300 s") as caught:
        service.wire.phoenix.upload_image("fox.png", big)
    assert caught.value.sent
    assert 300 < now[0] < 303
    assert 150 < service.steps.count("look") < 170, "every two seconds, after the first few"
    service.uploads["upload_1"]["left"] = 1
    assert service.wire.phoenix.upload_image("fox.png", big, upload_id="upload_1").id


def test_an_import_that_fails_says_why_in_the_services_words(service: Service) -> None:
    service.do_look = lambda request: httpx.Response(  # type: ignore[method-assign]
        200, json={"upload": {"id": "u", "status": "failed", "errorMessage": "No image there"}}
    )
    with pytest.raises(ServiceError, match="could not import the image: No image there") as caught:
        service.wire.phoenix.import_image("https://a.test/fox.png")
    assert caught.value.remedy == "Try it again, or leave it out."


def test_a_remedy_in_the_services_words_is_the_only_one(service: Service) -> None:
    told = "10.0.0.1 is no public address. Add the file itself."
    service.do_look = lambda request: httpx.Response(  # type: ignore[method-assign]
        200, json={"upload": {"id": "u", "status": "failed", "errorMessage": told}}
    )
    with pytest.raises(ServiceError) as caught:
        service.wire.phoenix.import_image("https://a.test/fox.png")
    assert str(caught.value) == f"Phoenix could not import the image: {told}"


def test_the_status_complete_is_no_end(service: Service) -> None:
    answers = iter(["complete", "validated", "imported"])

    def look(request: httpx.Request) -> httpx.Response:
        status = next(answers)
        more = {"entityId": "asset_1"} if status == "imported" else {}
        return httpx.Response(200, json={"upload": {"id": "u", "status": status, **more}})

    service.do_look = look  # type: ignore[method-assign]
    assert service.wire.phoenix.import_image("https://a.test/fox.png").id == "asset_1"


def test_the_service_fetches_an_address_and_nothing_is_fetched_here(service: Service) -> None:
    begun: list[str] = []
    asset = service.wire.phoenix.import_image("https://a.test/fox.png?x=1", begun=begun.append)
    assert asset.id == "asset_of_upload_1"
    assert service.uploads["upload_1"]["asked"] == {
        "url": "https://a.test/fox.png?x=1",
        "kind": "image",
    }
    again = service.wire.phoenix.import_image("https://a.test/fox.png?x=1", upload_id=begun[0])
    assert again == asset
    assert (service.steps.count("begin"), service.wire.foreign) == (1, [])


@pytest.mark.parametrize(
    "url",
    ["ftp://a.test/x.png", "file:///etc/passwd", "data:image/png;base64,AA", "gopher://a.test",
     "http://user@a.test/x.png", "https://u:hunter2@a.test/x.png", "https:///x.png", "x.png", "",
     "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_no_picture_of_the_web_is_not_passed_on(
    service: Service, url: str
) -> None:
    with pytest.raises(InputError) as caught:
        service.wire.phoenix.import_image(url)
    assert "hunter2" not in str(caught.value)
    assert service.steps == []


def test_what_is_no_picture_is_refused_before_anything_is_begun(service: Service) -> None:
    with pytest.raises(ImageError):
        service.wire.phoenix.upload_image("a.png", bytes(uploads.INLINE_BYTES_MAX + 1))
    assert service.steps == []


@pytest.mark.parametrize(
    "url",
    ["http://storage.test/u/1", "https://127.0.0.1/u", "https://169.254.169.254/latest",
     "https://[::1]/u", "https://localhost/u", "https://u:p@storage.test/", "file:///etc/passwd",
     "//storage.test/u", "", "https://10.0.0.1/u", "https://2130706433/u", "https://127.1/u",
     "https://0x7f000001/u", "https://0177.0.0.1/u", "https://localhost./u", "https://LOCALHOST/u",
     "https://a.localhost./u", "https://169.254.169.254./u", "https://[fec0::1]/u",
     "https://[2002:7f00:1::]/u", "https://[::ffff:127.0.0.1]/u", "https://168.63.129.16/u",
     "https://[64:ff9b::7f00:1]/u"],
)  # fmt: skip
def test_a_signed_address_that_leads_astray_is_not_used(service: Service, url: str) -> None:
    for use in (lambda: service.wire.phoenix.send_part(url, b"x"),
                lambda: service.wire.phoenix.fetch(url)):  # fmt: skip
        with pytest.raises(ServiceUnreachable, match="not used") as caught:
            use()
        assert not caught.value.sent
    assert service.steps == []


def test_a_fragment_of_a_signed_address_is_not_sent(service: Service) -> None:
    service.wire.phoenix.send_part("https://storage.test/u/1?s=1#frag", b"x")
    assert service.wire.foreign[0].url.raw_path == b"/u/1?s=1"


def test_no_signed_address_is_shown(service: Service, big: bytes, caplog: Any) -> None:
    caplog.set_level(0)
    shown: list[str] = []
    upload = service.wire.phoenix.begin_upload(
        file_name="a", content_type="image/png", size=1, parts=1
    )
    shown.append(repr(upload))
    service.faults["part"] = [httpx.ReadError(upload.parts[0].url)] * 3
    with pytest.raises(ServiceUnreachable) as caught:
        service.wire.phoenix.send_part(upload.parts[0].url, b"x")
    shown += [str(caught.value), repr(caught.value), repr(caught.value.__context__), caplog.text]
    assert not any("hunter2" in text for text in shown)
