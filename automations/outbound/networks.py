"""Which addresses belong to the public internet: a table of our own.

Python 3.11's `ipaddress.is_global` says yes to NAT64, 6to4 and several cloud metadata addresses.
Sources: the IANA special-purpose registries for IPv4 and IPv6, and the clouds' documentation.
"""

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address


class Reach(Enum):
    """How far an address may be used: by anyone, only where the operator allowed it, or never."""

    PUBLIC = "public"
    PRIVATE = "private"
    NEVER = "never"


_V6_UNICAST = IPv6Network("2000::/3")

_PRIVATE_V4 = tuple(
    IPv4Network(network)
    for network in (
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT, also used by overlay networks
        "127.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
    )
)
_PRIVATE_V6 = tuple(IPv6Network(network) for network in ("::1/128", "fc00::/7"))

_NEVER_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this network": Linux connects it to loopback
        "100.100.100.200/32",  # metadata: Alibaba
        "168.63.129.16/32",  # Azure's host agent, a public address by its look
        "169.254.0.0/16",  # link-local, metadata of most clouds
        "192.0.0.0/24",  # protocol assignments, metadata: Oracle
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
# Inside 2000::/3. What is outside of it (mapped and compatible IPv4, NAT64, link-local, multicast,
# discard) is no global unicast to begin with.
_NEVER_V6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "fd00:ec2::/32",  # metadata: AWS
        "fd20:ce::/32",  # metadata: Google
    )
)


def reach_of(address: str) -> Reach:
    """Classify one literal IP address; anything that is not one is `NEVER`."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return Reach.NEVER
    if isinstance(parsed, IPv4Address):
        return _reach_of_v4(parsed)
    return _reach_of_v6(parsed)


def _reach_of_v4(address: IPv4Address) -> Reach:
    if any(address in network for network in _NEVER_V4):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_V4):
        return Reach.PRIVATE
    return Reach.PUBLIC


def _reach_of_v6(address: IPv6Address) -> Reach:
    if address.scope_id or any(address in network for network in _NEVER_V6):
        return Reach.NEVER
    if any(address in network for network in _PRIVATE_V6):
        return Reach.PRIVATE
    return Reach.PUBLIC if address in _V6_UNICAST else Reach.NEVER
