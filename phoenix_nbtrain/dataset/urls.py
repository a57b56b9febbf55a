"""Images given by their URL. Nothing is fetched here, nor anywhere else on this computer."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

from phoenix_nbtrain.dataset.allowed_text import NAME_BYTES_MAX
from phoenix_nbtrain.errors import InputError
from phoenix_nbtrain.text import shown

URL_MAX = 8_000
"""Most characters of a URL: what web servers take. A signed one can be long."""

_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.\-]+://|(?:data|file|ftp|javascript|mailto):", re.IGNORECASE
)


def is_url(text: str) -> bool:
    """Return whether ``text`` is meant as a URL rather than as a path."""
    return _URL.match(text.lstrip()) is not None


def checked_url(text: str) -> str:
    """Return a URL in the form in which it is kept and asked for: without its fragment.

    Raises:
        InputError: it is not http or https, carries a user name, or is no URL at all. The message
            shows no more of it than its last part, for the rest may be signed.
    """
    text = text.strip()
    scheme = text.partition(":")[0].lower()
    if scheme not in ("http", "https"):
        raise InputError(
            f"Images cannot be imported from {shown(scheme, 20)}: URLs.",
            remedy="Give an http or https URL, or the file itself.",
        )
    if len(text) > URL_MAX or not text.isprintable() or " " in text or "\\" in text:
        raise InputError(
            "That is not a valid URL.",
            remedy=f"A URL has no spaces or backslashes and at most {URL_MAX:,} characters.",
        )
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port  # both are read only when asked for
    except ValueError:
        host = None
    if not host:
        raise InputError("The URL has no host.", remedy="Write it as https://host/image.png.")
    if "@" in parts.netloc:
        raise InputError(
            f"The URL of {shown(url_name(text), 40)} contains a user name or password.",
            remedy="Use one without; it would be sent to the service.",
        )
    # A fragment never reaches a server: with or without it, it is the same image.
    return parts._replace(scheme=scheme, netloc=parts.netloc.lower(), fragment="").geturl()


def url_name(url: str) -> str:
    """Return a name for the image behind ``url``: its path's last part, made safe."""
    path = re.split(r"[?#]", url.partition("://")[2], maxsplit=1)[0].partition("/")[2]
    last = re.split(r"[/\\]", unquote(path))[-1]
    kept = (c for c in last if unicodedata.category(c)[0] != "C" and c not in "\u2028\u2029")
    name = "".join(kept).strip()
    if not name.strip("."):
        return "image"
    while len(name.encode()) > NAME_BYTES_MAX:
        base, dot, extension = name.rpartition(".")
        short = bool(dot) and 0 < len(extension) < 6
        name = f"{base[:-1]}.{extension}" if short and base[:-1] else name[:-1]
    return name
