"""Replies may be packed once, and what is unpacked is counted as it comes."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import Wire

from phoenix_nbtrain.client.decompress import decompressed
from phoenix_nbtrain.errors import ServiceUnreachable

MB = 1 << 20


class Chunks(httpx.SyncByteStream):
    def __init__(self, content: bytes, size: int) -> None:
        self._content, self._size = content, size

    def __iter__(self) -> Iterator[bytes]:
        for at in range(0, len(self._content), self._size):
            yield self._content[at : at + self._size]


def reply(content: bytes, packed: str, size: int = 64) -> httpx.Response:
    return httpx.Response(
        200, headers={"Content-Encoding": packed} if packed else {}, stream=Chunks(content, size)
    )


def bare(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKERS = {"": bytes, "identity": bytes, "gzip": gzip.compress, "x-gzip": gzip.compress}


@settings(max_examples=40)
@given(st.binary(max_size=2000), st.sampled_from(sorted(PACKERS)), st.integers(1, 300))
def test_what_was_packed_comes_out_again(content: bytes, packed: str, size: int) -> None:
    wire = PACKERS[packed](content)
    assert b"".join(decompressed(reply(wire, packed, size))) == content


def test_any_size_comes_whole():
    for size in (0, 1, MB - 1, MB, MB + 1, 3 * MB + 7):
        assert b"".join(decompressed(reply(gzip.compress(bytes(size)), "gzip"))) == bytes(size)


def test_a_reply_packed_twice_is_refused_before_it_grows():
    bomb = gzip.compress(gzip.compress(bytes(256 * MB), 1))
    wire = Wire(lambda _: reply(bomb, "gzip, gzip"))
    tracemalloc.start()
    try:
        with pytest.raises(ServiceUnreachable, match="DecodingError"):
            wire.phoenix.trigger_training("m", {})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MB


def test_one_chunk_that_holds_too_much_is_never_there_at_once():
    bomb = gzip.compress(bytes(80 * MB))
    sizes = [len(piece) for piece in decompressed(reply(bomb, "gzip", len(bomb)))]
    assert max(sizes) == MB
    assert sum(sizes) == 80 * MB


@pytest.mark.parametrize(
    ("content", "packed"),
    [
        (gzip.compress(b"whole", mtime=0)[:-9], "gzip"),
        (b"no gzip", "gzip"),
        (zlib.compress(b"zlib"), "gzip"),
        (b"x", "br"),
        (b"", "br"),
        (zlib.compress(b"zlib"), "deflate"),
        (bare(b"deflate"), "deflate"),
        (gzip.compress(gzip.compress(b"twice", mtime=0), mtime=0), "gzip, gzip"),
    ],
)
def test_what_cannot_be_unpacked_is_no_reply(content, packed):
    wire = Wire(lambda _: reply(content, packed))
    with pytest.raises(ServiceUnreachable, match="DecodingError"):
        wire.phoenix.trigger_training("m", {})


def test_only_gzip_is_asked_for_and_an_empty_body_needs_no_gzip():
    wire = Wire(lambda _: httpx.Response(200, json={"models": []}))
    wire.phoenix.ping()
    assert [r.headers["Accept-Encoding"] for r in wire.requests] == ["gzip"]
    assert b"".join(decompressed(reply(b"", "gzip"))) == b""


def test_a_file_is_asked_for_as_it_is(tmp_path):
    wire = Wire(lambda _: httpx.Response(200, content=b"weights"))
    wire.phoenix.fetch_to("https://storage.test/w", tmp_path / "w")
    wire.phoenix.fetch("https://storage.test/a.png")
    assert [r.headers["Accept-Encoding"] for r in wire.foreign] == ["identity", "identity"]
