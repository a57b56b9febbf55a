"""Gzipped replies, decompressed piece by piece.

httpx decompresses a chunk whole, and as often as the reply says: two kilobytes become gigabytes
before anybody can count them. Here a reply is gzipped once or not at all, and no piece of it is
larger than a megabyte.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import httpx

ENCODING = "gzip"
"""What a request says it understands."""
_PIECE = 1 << 20


def decompressed(response: httpx.Response) -> Iterator[bytes]:
    """Yield a reply's body, a gzipped one in pieces of at most a megabyte.

    Raises:
        httpx.DecodingError: it is encoded in another way, damaged or cut off.
    """
    assert isinstance(response.stream, httpx.SyncByteStream)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        yield from response.stream  # a chunk is what one read of the network gave
        return
    if encoding not in ("gzip", "x-gzip"):
        raise httpx.DecodingError("the reply uses an encoding that was not requested")
    gzip, begun = zlib.decompressobj(zlib.MAX_WBITS | 16), False
    for chunk in filter(None, response.stream):
        left, more, begun = chunk, True, True
        while (left or more) and not gzip.eof:
            try:
                piece = gzip.decompress(left, _PIECE)
            except zlib.error:
                raise httpx.DecodingError("the reply is not valid gzip") from None
            left, more = gzip.unconsumed_tail, len(piece) == _PIECE
            yield piece
    if begun and not gzip.eof:
        raise httpx.DecodingError("the reply ended early")
