"""Which addresses `http.request` may connect to: public ones, and what an operator has allowed."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# RFC 6052: an IPv4 address behind a NAT64 gateway; RFC 3056: one behind a 6to4 relay.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Special in IANA's registries, global to ipaddress of older Pythons. 192.0.0.192 is a metadata service.
_SPECIAL = tuple(
    ipaddress.ip_network(text) for text in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "5f00::/16")
)


class PrivateAddress(PermissionError):
    """The address is not public, and ONEWRITER_HTTP_ALLOW_PRIVATE doesn't name it."""

    def __init__(self, address: str):
        super().__init__(
            f"{address} is not a public address; an operator can allow it with ONEWRITER_HTTP_ALLOW_PRIVATE."
        )


@dataclass(frozen=True)
class Allowed:
    """What ONEWRITER_HTTP_ALLOW_PRIVATE names: host names, addresses, networks."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    found: set[str] = field(default_factory=set)

    @classmethod
    def parse(cls, text: str) -> Allowed:
        hosts, networks = set(), []
        for item in filter(None, (part.strip().lower() for part in text.split(","))):
            try:
                networks.append(ipaddress.ip_network(item.strip("[]"), strict=False))
            except ValueError:
                hosts.add(item)
        return cls(frozenset(hosts), tuple(networks))

    def resolved(self, host: str, addresses: Iterable[str]) -> None:
        """An allowed name may lead to wherever it resolves."""
        if host.lower().rstrip(".") in self.hosts:
            self.found.update(addresses)

    def check(self, address: str) -> None:
        """Raises PrivateAddress."""
        parsed = ipaddress.ip_address(address.partition("%")[0])
        if address in self.found or is_public(parsed) or any(parsed in network for network in self.networks):
            return
        inner = _inner(parsed)
        if inner is not None and any(inner in network for network in self.networks):
            return
        raise PrivateAddress(address)


def is_public(address: Address) -> bool:
    """Whether it may be reached by anybody; what wraps another address is judged by that too."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not any(address in network for network in _SPECIAL)


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside a mapped, NAT64 or 6to4 one."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
