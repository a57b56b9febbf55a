"""Secrets, and words without them.

A service, a gateway or a proxy may repeat in its reply what a request carried. Whatever of a reply
or of a failure becomes words (messages, details, reasons, log records) goes through
`without_secrets` first. Captions, names and parameters do not: they are the user's own.
"""

from __future__ import annotations

import base64
import html
import logging
import re
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

__all__ = ["Secret", "keep_out_of_logs", "without_secrets", "words_without_secrets"]

_SHORT = 6
"""Characters; a shorter secret is a part of too many words to be taken out of them."""
_LOGGERS = (
    *("httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2"),
    *("httpcore.proxy", "httpcore.socks", "httpx"),
)
_WORDS = frozenset(
    {"costDetails", "detail", "details", "error", "errorMessage", "hint", "message"}
    | {"plan", "reason", "stage", "status"}
)
"""Keys of a reply whose values are words that the service says to people."""
_OURS = frozenset({"concepts", "input", "parameters"})
"""Keys of a reply below which everything is what the user gave, whatever it is called."""
_DEPTH_MAX = 32
_WORDS_MAX = 10_000
"""Characters; what is longer is nothing that is read, and would take long to look through."""


class Secret:
    """A value that no repr, log, pickle or copy shows. While it lives, words are kept free of it."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _alive[id(self)] = self

    def reveal(self) -> str:
        """Return the value, for a header of a request and nothing else."""
        return self._value

    def forms(self) -> Iterator[str]:
        """Yield the value as it is and in base64, alone or amid other text."""
        encoded = self._value.encode()
        yield self._value
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(encoded).decode().rstrip("=")
            for before in range(3):
                # Of what the text around it has no part in: a character stands for six bits.
                inside = slice(-(-8 * before // 6), 8 * (before + len(encoded)) // 6)
                yield encode(bytes(before) + encoded).decode()[inside]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self


_alive: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()
"""By identity: of two equal ones, each counts for as long as it lives."""

_AUTHORISATION = re.compile(r"\b(basic|bearer)\s+[^\s'\",;]{6,}", re.IGNORECASE)
_USER = re.compile(r"\b([a-z][a-z0-9+.-]{0,30}://)[^\s/?#'\"<>]{1,1000}@", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://[^\s'\"]*", re.IGNORECASE)
_SIGNATURE = re.compile(
    r"\b((?:x-(?:amz|goog)-)?(?:credential|security-token|signature)|key-pair-id|policy|sig)"
    r"=[^\s&'\"<>]+",
    re.IGNORECASE,
)


def without_secrets(words: str) -> str:
    """Return words without secrets.

    Whatever looks like the credentials of a header or an address goes, too, and the query of each
    address, which may be signed. Gateways are known to quote the whole ``Authorization`` header in
    their refusal, and storage hosts the signed address.
    """
    secrets = [secret for found in _alive.valuerefs() if (secret := found()) is not None]
    # No form is shorter than the secret itself, so most words need no closer look.
    long = [f for s in secrets if _SHORT <= len(s.reveal()) <= len(words) for f in s.forms()]
    short = [re.escape(s.reveal()) for s in secrets if 0 < len(s.reveal()) < _SHORT]
    if long:
        words = _without(words, long)
    if short:
        value = "|".join(sorted(short, key=len, reverse=True))
        words = re.sub(
            rf"\b(?:basic|bearer)\s+(?:{value})(?![\w.~+/=-])", "…", words, flags=re.IGNORECASE
        )
    words = _USER.sub(r"\1…@", _AUTHORISATION.sub(r"\1 …", words))
    return _SIGNATURE.sub(r"\1=…", _ADDRESS.sub(_without_query, words))


def _without(words: str, forms: Iterable[str]) -> str:
    """Return words without these texts, as they are or escaped."""
    plain, places = _unescaped(words)
    spans = set[tuple[int, int]]()
    for form in set(forms):
        spans.update(_spans(words, form))
        bare = _unescaped(form)[0]
        if len(bare) >= _SHORT:
            spans.update((places[a], places[b]) for a, b in _spans(plain, bare))
    kept, last = list[str](), 0
    for start, end in sorted(spans):
        if start >= last:
            kept += [words[last:start], "…"]
        last = max(last, end)
    return "".join(kept) + words[last:]


def _without_query(address: re.Match[str]) -> str:
    place, asked, _ = address[0].partition("?")
    return f"{place}{asked and '?…'}"


def words_without_secrets(value: Any, *, words: bool = False, depth: int = 0) -> Any:
    """Return a reply's decoded JSON in which all that is said to people holds no secret.

    Args:
        value: the JSON. Captions, names, parameters and ids in it stay as they are.
        words: whether all of it is said to people, as below ``details``.
        depth: how deep it lies in the reply. Nothing of ours is as deep as 32.
    """
    if depth > _DEPTH_MAX:
        return None if words else value
    if isinstance(value, str):
        return value if not words else without_secrets(value) if len(value) <= _WORDS_MAX else ""
    if isinstance(value, list):
        return [words_without_secrets(item, words=words, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        return {
            without_secrets(key) if words else key: item
            if key in _OURS and not words
            else words_without_secrets(item, words=words or key in _WORDS, depth=depth + 1)
            for key, item in value.items()
        }
    return value


def keep_out_of_logs() -> None:
    """Keep secrets out of what httpcore and httpx log, which are the headers of every reply."""
    for name in _LOGGERS:  # a logger's filter does not count for the loggers below it
        logging.getLogger(name).addFilter(_clean)


def _clean(record: logging.LogRecord) -> bool:
    said = record.getMessage()
    record.msg, record.args = without_secrets(said), ()
    if record.exc_info:
        record.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
        record.exc_info = None  # whoever formats it anew would find the exception itself
    if record.exc_text:
        record.exc_text = without_secrets(record.exc_text)
    if record.stack_info:
        record.stack_info = without_secrets(record.stack_info)
    return True


_ESCAPED = re.compile(
    r"\\+(?:(?:u00|x)([0-9a-f]{2}))?"  # JSON, Python
    r"|%(?:25)*([0-9a-f]{2})"
    r"|&(?:amp;)*(#\d{1,7}|#x[0-9a-f]{1,6}|[a-z]{1,8});",
    re.IGNORECASE,
)
_UNESCAPED_MAX = 4
"""How often a text may be escaped in different ways."""


def _unescaped(text: str) -> tuple[str, Sequence[int]]:
    """Return a text without the escapes of JSON, URLs and HTML, and backslashes at all.

    Returns:
        The text, and for each of its characters, and its end, where that is in the original.
    """
    places: Sequence[int] = range(len(text) + 1)
    for _ in range(_UNESCAPED_MAX):
        parts, kept, last = list[str](), list[int](), 0
        for found in _ESCAPED.finditer(text):
            parts += [text[last : found.start()], plain := _character(*found.groups())]
            kept += [*places[last : found.start()], *[places[found.start()]] * len(plain)]
            last = found.end()
        if not last:
            break
        kept += places[last:]
        text, places = "".join(parts) + text[last:], kept
    return text, places


def _character(python: str | None, url: str | None, name: str | None) -> str:
    if name is not None:
        return html.unescape(f"&{name};")
    code = python or url
    return chr(int(code, 16)) if code else ""


def _spans(text: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Yield where ``wanted`` is in ``text``, with the padding that follows it in base64."""
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        while end < len(text) and text[end] == "=" and end - start < len(wanted) + 2:
            end += 1
        yield start, end
        start = text.find(wanted, end)
