"""Packed replies, unpacked by the piece.

httpx unpacks a chunk whole, and as often as the reply says it was packed: two kilobytes become
gigabytes before anybody can count them. Here a reply is packed once or not at all, and no piece
of it is larger than asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import httpx

__all__ = ["PACKINGS", "unpacked"]

PACKINGS = "gzip, deflate"
"""What a request says it understands."""
_PIECE = 1 << 20


def unpacked(response: httpx.Response) -> Iterator[bytes]:
    """Yield a reply's body; what is unpacked comes in pieces of at most a megabyte.

    Raises:
        httpx.DecodingError: it is packed otherwise than asked for, damaged or cut off.
    """
    assert isinstance(response.stream, httpx.SyncByteStream)
    named = response.headers.get("content-encoding", "").strip().lower()
    if named in ("", "identity"):
        yield from response.stream  # a chunk is what one read of the network gave
    elif named in ("gzip", "x-gzip", "deflate"):
        yield from _inflated(response.stream, named)
    else:
        raise httpx.DecodingError("the reply is packed in a way that was not asked for")


def _inflated(chunks: Iterable[bytes], named: str) -> Iterator[bytes]:
    """Unpack one gzip or zlib stream, or a bare deflate one, which some servers mean by it."""
    inflater = None
    for chunk in filter(None, chunks):
        if inflater is None:
            bare = named == "deflate" and chunk[0] & 0x0F != zlib.DEFLATED
            inflater = zlib.decompressobj(-zlib.MAX_WBITS if bare else zlib.MAX_WBITS | 32)
        left, full = chunk, True
        while (left or full) and not inflater.eof:
            try:
                piece = inflater.decompress(left, _PIECE)
            except zlib.error:
                raise httpx.DecodingError("the reply is packed wrongly") from None
            left, full = inflater.unconsumed_tail, len(piece) == _PIECE
            yield piece
    if inflater is not None and not inflater.eof:
        raise httpx.DecodingError("the reply ended early")
