"""Which IP addresses are the public internet's."""

from __future__ import annotations

import ipaddress

__all__ = ["is_public"]

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
