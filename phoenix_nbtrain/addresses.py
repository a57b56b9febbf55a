"""Which IP addresses are the public internet's, and the one spelling of a service's address."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Hosts that are this computer by their plain names: plain http goes to them, and no proxy."""
_LOOPBACK_NAMES = {"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"}

_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "192.0.0.0/24",  # for protocols between a host and its network (RFC 6890)
            "192.88.99.0/24",  # 6to4 relays, which are no more (RFC 7526)
            "168.63.129.16/32",  # Azure's own services, from inside any of its machines
            "2002::/16",  # IPv6 with an IPv4 address inside, to which a gateway goes on (6to4)
            "3fff::/20",  # documentation (RFC 9637)
            "fec0::/10",  # the former site-local range (RFC 3879)
        ),
    )
)
"""What `ipaddress` calls global, in one version of Python or another, and is not for us."""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet's.

    Raises:
        ValueError: it is no IP address.
    """
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if any(address in network for network in _NOT_PUBLIC):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolved(host: str) -> str:
    """Return a host as the system's resolver reads it, to which 127.1 and 0x7f000001 are addresses."""
    with contextlib.suppress(OSError, UnicodeError):
        return socket.inet_ntoa(socket.inet_aton(host))
    return host


def canonical_address(address: str) -> str:
    """Return the one spelling of a service's address, by which it is known on this computer.

    Lower-case scheme and host, IDNA, no default port, no final dot of the host or final slash of
    the path, and ``localhost`` for each name of this computer. What is no web address, such as a
    local Phoenix's ``local:…``, is returned as it is. For comparing and remembering only: requests
    go to the address that was given.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return address
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return address
    host = _canonical_host(parts.hostname)
    where = f"[{host}]" if ":" in host else host
    if port not in (None, DEFAULT_PORTS[parts.scheme]):
        where += f":{port}"
    return f"{parts.scheme}://{where}{parts.path.rstrip('/')}"


def _canonical_host(host: str) -> str:
    import idna

    host = host.lower().rstrip(".")
    with contextlib.suppress(UnicodeError):  # `idna.IDNAError` is one
        # ASCII is left alone, as httpx does: `idna` would refuse an underscore.
        host = host if host.isascii() else idna.encode(host).decode("ascii")
    try:
        ip = ipaddress.ip_address(resolved(host))
    except ValueError:
        return "localhost" if host in _LOOPBACK_NAMES else host
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    # A connection to the unspecified address comes to this computer as well.
    return "localhost" if ip.is_loopback or ip.is_unspecified else str(ip)
