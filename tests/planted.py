"""Credentials that a test plants, each way in which a reply may repeat them, and who told them."""

from __future__ import annotations

import base64
import html
import json
import pickle
import traceback
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

from phoenix_nbtrain.client.credentials import Credentials, Secret

KEY, SECRET = "planted-key-1", 'pl/anted"s\\e&cret+2%'


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


PAIR = in_base64(f"{KEY}:{SECRET}")
PLAIN = (KEY, SECRET, PAIR, in_base64(KEY), in_base64(SECRET))


def escaped(text: str) -> list[str]:
    """Return a text as it is and as it stands in JSON, a URL, HTML or a Python literal."""
    once = [json.dumps(text)[1:-1], quote(text), quote(text, safe=""), quote_plus(text)]
    once += [html.escape(text), repr(text)[1:-1], text.replace("/", "\\/")]
    return list(dict.fromkeys([text, *once, *(json.dumps(o)[1:-1] for o in once)]))


SPELLED = tuple(dict.fromkeys(form for text in PLAIN for form in escaped(text)))
"""All of it that a service repeats here."""
ECHO = " ".join([*SPELLED, f"Basic {PAIR}", f"https://{KEY}:{quote(SECRET, safe='')}@p.test/"])


def credentials(base_url: str = "https://phoenix.test/v1") -> Credentials:
    return Credentials(api_key=Secret(KEY), api_secret=Secret(SECRET), base_url=base_url)


def leaked(text: str | bytes, of: Iterable[str] = PLAIN) -> list[str]:
    """Return what of the planted credentials a text holds, however it was escaped on its way."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    read = [text, unquote(text), unquote(unquote(text)), html.unescape(text)]
    bare = [t.replace("\\", "") for t in read]
    wanted = {f.rstrip("=") for f in of}
    found = {f for f in wanted if any(f in t for t in read)}
    return sorted(found | {f for f in wanted if any(f.replace("\\", "") in t for t in bare)})


def told(error: BaseException) -> list[str]:
    """Return everything that an error, those behind it and their tracebacks tell.

    The variables of every function in the traceback are told as well, as by ``%xmode Verbose``;
    those of the test itself are not.
    """
    texts: list[str] = [repr(pickle.dumps(error))]
    seen, left = set[int](), [error]
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        texts += [str(one), repr(one), repr(one.args), repr(vars(one))]
        left += [e for e in (one.__cause__, one.__context__) if e is not None]
        frames = traceback.walk_tb(one.__traceback__)
        ours = [f for f, _ in frames if not _is_test(f.f_code.co_filename)]
        texts += [f"{name}={value!r}" for f in ours for name, value in f.f_locals.items()]
    return [*texts, "".join(traceback.format_exception(error))]


def _is_test(path: str) -> bool:
    return Path(__file__).parent in Path(path).parents


def leaked_by(texts: Iterable[str | bytes]) -> dict[str, list[str]]:
    """Return, of several texts, those that hold something planted, cut short, with what it is."""
    return {str(text)[:300]: found for text in texts if (found := leaked(text))}
