"""An image arrives once and whole, wherever its upload was cut off."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import httpx
import numpy as np
import pytest
from faults.kinds import FAULTS, INTERRUPT, answer
from PIL import Image
from wire import LocalWire, Wire, answering, in_turn, operation

from phoenix_nbtrain.client import uploads
from phoenix_nbtrain.client.phoenix import Phoenix
from phoenix_nbtrain.errors import ImageError, InputError, ServiceError, ServiceUnreachable
from phoenix_nbtrain.local import rows
from phoenix_nbtrain.records import Asset

PART = 5_000_000
"""The service's least, but for the last part."""


@pytest.fixture(scope="module")
def big() -> bytes:
    """A PNG that needs two parts: noise, which does not compress."""
    noise = np.random.default_rng(7).integers(0, 256, (1300, 1300, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    assert PART < len(file.getvalue()) < 2 * PART
    return file.getvalue()


@pytest.fixture
def wire(tmp_path, monkeypatch) -> LocalWire:
    assert uploads.PART_BYTES >= PART
    monkeypatch.setattr(uploads, "PART_BYTES", PART)
    return LocalWire(tmp_path / "local")


@pytest.fixture
def phoenix(wire) -> Phoenix:
    return wire.phoenix


def statuses(wire: LocalWire) -> list[str]:
    with wire.store.reading() as db:
        return [row["status"] for row in db.execute("SELECT status FROM uploads")]


def upload(status: str, **more: str) -> httpx.Response:
    return httpx.Response(200, json={"upload": {"id": "u", "status": status, **more}})


def test_up_to_four_megabytes_go_in_one_request():
    wire = answering(200, json={"asset": {"id": "asset_1"}})
    for size in (1, uploads.INLINE_BYTES_MAX):
        assert wire.phoenix.upload_image("a.png", bytes(size)).id == "asset_1"
    assert wire.paths() == ["POST /assets"] * 2


def test_more_goes_in_parts_that_carry_no_credentials(wire, phoenix, big):
    begun: list[str] = []
    asset = phoenix.upload_image("fox.png", big, begun=begun.append)
    assert phoenix.get_upload(begun[0]).entity_id == asset.id
    assert json.loads(wire.requests[0].content) == {
        "fileName": "fox.png",
        "contentType": "image/png",
        "fileSize": len(big),
        "parts": 2,
        "kind": "image",
    }
    assert [len(r.content) for r in wire.foreign] == [PART, len(big) - PART]
    for part in wire.foreign:
        assert "authorization" not in part.headers
        assert "projectId" not in part.url.params
    assert all("authorization" in r.headers for r in wire.requests)
    assert phoenix.fetch(asset.url) == big


@pytest.mark.parametrize("effect", ["none", "done"])
@pytest.mark.parametrize(
    "step", ["begin_upload", "send_part", "complete_upload", "get_upload", "get_asset"]
)
def test_ctrl_c_anywhere_leaves_nothing_that_a_second_call_does_not_finish(
    wire, phoenix, big, step, effect
):
    begun: list[str] = []
    wire.faults[step] = [replace(INTERRUPT, effect=effect)]
    if step == "get_upload":
        wire.rewrite = lambda request, pass_on: (
            upload("validating", id=begun[0])
            if operation(request) == "complete_upload"
            else pass_on(request)
        )
    with pytest.raises(KeyboardInterrupt):
        phoenix.upload_image("fox.png", big, begun=begun.append)
    wire.rewrite = None
    known = begun[-1] if begun else None
    asset = phoenix.upload_image("fox.png", big, upload_id=known, begun=begun.append)
    assert phoenix.fetch(asset.url) == big
    assert statuses(wire).count("imported") == 1
    # Only a begin whose reply was lost leaves an upload behind: empty, and nobody's asset.
    assert len(statuses(wire)) == 1 + ((step, effect) == ("begin_upload", "done"))


def test_what_was_imported_meanwhile_is_read_and_not_sent_again(wire, phoenix, big):
    begun: list[str] = []
    first = phoenix.upload_image("fox.png", big, begun=begun.append)
    wire.requests.clear()
    wire.foreign.clear()
    assert phoenix.upload_image("fox.png", big, upload_id=begun[0]).id == first.id
    assert wire.operations == ["get_upload", "get_asset"]


@pytest.mark.parametrize("why", ["gone", "failed", "other parts", "expired"])
def test_an_upload_that_cannot_go_on_is_begun_again(wire, phoenix, big, why):
    begun: list[str] = []
    wire.faults["send_part"] = [INTERRUPT]
    with pytest.raises(KeyboardInterrupt):
        phoenix.upload_image("fox.png", big, begun=begun.append)
    with wire.store.writing() as db:
        if why == "gone":
            db.execute("DELETE FROM uploads")
        elif why == "failed":
            rows.update(db, "uploads", begun[0], status="failed")
        elif why == "other parts":
            rows.update(db, "uploads", begun[0], parts_count=1)
        else:
            wire.faults["send_part"] = [answer(403, "<Error/>", Content_Type="application/xml")]
    asset = phoenix.upload_image("fox.png", big, upload_id=begun[0], begun=begun.append)
    assert len(begun) == 2
    assert phoenix.get_upload(begun[1]).entity_id == asset.id
    assert phoenix.fetch(asset.url) == big


@pytest.mark.parametrize(
    ("step", "fault", "sent"),
    [
        ("send_part", "black hole", 2 + 2),
        ("send_part", "reset, done", 2 + 2),
        ("complete_upload", "silence, done", 1),
        ("complete_upload", "black hole", 2),
    ],
)
def test_what_is_lost_on_the_way_is_sent_again_and_what_arrived_is_completed_once(
    wire, phoenix, big, step, fault, sent
):
    wire.faults[step] = [FAULTS[fault]] * (2 if step == "send_part" else 1)
    asset = phoenix.upload_image("fox.png", big)
    assert wire.operations.count(step) == sent
    assert phoenix.fetch(asset.url) == big


def test_a_begin_is_never_repeated_since_each_makes_another(wire, phoenix, big):
    wire.faults["begin_upload"] = [FAULTS["black hole"]]
    with pytest.raises(ServiceUnreachable):
        phoenix.upload_image("fox.png", big)
    assert wire.operations == ["begin_upload"]


def test_an_import_that_does_not_end_is_given_up_in_time_and_can_be_gone_on_with(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: now[0])
    wire = answering(200, json={"upload": {"id": "u", "status": "validating"}})

    def sleep(seconds: float) -> None:
        now[0] += seconds

    wire.phoenix._http.sleep = sleep
    with pytest.raises(ServiceUnreachable, match="not imported after 300 s") as caught:
        wire.phoenix.import_image("https://a.test/fox.png")
    assert caught.value.sent
    assert 300 < now[0] < 303
    assert 150 < len(wire.requests) < 170, "every two seconds, after the first few"
    later = in_turn(upload("imported", entityId="a"), ASSET)
    assert later.phoenix.import_image("https://a.test/fox.png", upload_id="u").id == "asset_1"


ASSET = httpx.Response(200, json={"asset": {"id": "asset_1"}})


def test_an_import_that_fails_says_why_in_the_services_words():
    wire = in_turn(upload("validating"), upload("failed", errorMessage="No image there"))
    with pytest.raises(ServiceError, match="could not import the image: No image there") as caught:
        wire.phoenix.import_image("https://a.test/fox.png")
    assert caught.value.remedy == "Try it again, or leave it out."
    # A remedy in the service's words is the only one.
    told = "10.0.0.1 is no public address. Add the file itself."
    wire = in_turn(upload("validating"), upload("failed", errorMessage=told))
    with pytest.raises(ServiceError) as caught:
        wire.phoenix.import_image("https://a.test/fox.png")
    assert str(caught.value) == f"Phoenix could not import the image: {told}"


def test_the_service_fetches_an_address_and_nothing_is_fetched_here():
    begun: list[str] = []
    # The status "complete" is no end.
    looks = [upload(status) for status in ("validating", "complete", "validated")]
    wire = in_turn(*looks, imported := upload("imported", entityId="a"), ASSET, imported, ASSET)
    asset = wire.phoenix.import_image("https://a.test/fox.png?x=1", begun=begun.append)
    assert asset == Asset(id="asset_1")
    assert json.loads(wire.requests[0].content) == {
        "url": "https://a.test/fox.png?x=1",
        "kind": "image",
    }
    again = wire.phoenix.import_image("https://a.test/fox.png?x=1", upload_id=begun[0])
    assert again == asset
    assert (wire.paths().count("POST /uploads"), wire.foreign) == (1, [])


@pytest.mark.parametrize(
    "url",
    ["ftp://a.test/x.png", "file:///etc/passwd", "data:image/png;base64,AA", "gopher://a.test",
     "http://user@a.test/x.png", "https://u:hunter2@a.test/x.png", "https:///x.png", "x.png", "",
     "https://[::1"],
)  # fmt: skip
def test_an_address_that_is_no_image_of_the_web_is_not_passed_on(url):
    wire = answering(200)
    with pytest.raises(InputError) as caught:
        wire.phoenix.import_image(url)
    assert "hunter2" not in str(caught.value)
    assert wire.requests == []


def test_what_is_no_image_is_refused_before_anything_is_begun():
    wire = answering(200)
    with pytest.raises(ImageError):
        wire.phoenix.upload_image("a.png", bytes(uploads.INLINE_BYTES_MAX + 1))
    assert wire.requests == []


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
def test_a_signed_address_that_leads_astray_is_not_used(url):
    wire = answering(200)
    for use in (lambda: wire.phoenix.send_part(url, b"x"), lambda: wire.phoenix.fetch(url)):
        with pytest.raises(ServiceUnreachable, match="not used") as caught:
            use()
        assert not caught.value.sent
    assert wire.foreign == []


def test_a_fragment_of_a_signed_address_is_not_sent():
    wire = answering(204)
    wire.phoenix.send_part("https://storage.test/u/1?s=1#frag", b"x")
    assert wire.foreign[0].url.raw_path == b"/u/1?s=1"


def test_no_signed_address_is_shown(caplog):
    caplog.set_level(0)
    signed = "https://storage.test/u/1?signature=hunter2"
    part = {"number": 1, "url": signed}
    begun = answering(200, json={"upload": {"id": "u", "status": "pending", "parts": [part]}})
    upload = begun.phoenix.get_upload("u")
    assert upload.parts[0].url == signed

    def reset(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError(signed)

    with pytest.raises(ServiceUnreachable) as caught:
        Wire(reset).phoenix.send_part(upload.parts[0].url, b"x")
    shown = [repr(upload), str(caught.value), repr(caught.value), repr(caught.value.__context__)]
    assert not any("hunter2" in text for text in [*shown, caplog.text])
