"""What may be called: schemes, ports and hosts, per purpose, and the refusals in words."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple, Self

from django.conf import settings

from automations.errors import Problem
from automations.outbound.networks import Reach, reach_of
from automations.text import one_line

MAX_URL_CHARS = 2_048
OPEN_PORTS = frozenset({80, 443})

# One grammar, narrow on purpose: whatever two URL parsers could read differently does not match.
_URL = re.compile(
    r"(?P<scheme>[A-Za-z]+)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:[/?#][!-\[\]-~]*)?"
)
_USERINFO = re.compile(r"[A-Za-z]+://[^/?#]*@")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_DOTTED_QUAD = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})")
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")

_CATEGORIES = {
    "provider": "api_error",
    "destination": "delivery_error",
    "source": "source_error",
}


class OutboundRefused(Problem):
    """The call was not made, because the address is not one that we call."""


class Place(NamedTuple):
    """Where a URL leads: the host without brackets, in lower case."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one purpose may reach: the public internet, and the named `host:port` pairs."""

    purpose: str
    places: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def of(cls, purpose: str, entries: Iterable[str] = ()) -> Self:
        """Build from `host:port` strings; IPv6 hosts in brackets. ValueError names a bad entry."""
        return cls(purpose, frozenset(_entry(entry) for entry in entries))

    @classmethod
    def for_purpose(cls, purpose: str) -> Self:
        """Read the operator's list for "provider", "destination" or "source" from the settings."""
        return cls.of(purpose, settings.OUTBOUND_ALLOW.get(purpose, []))

    @property
    def category(self) -> str:
        """The `Run.ErrorCategory` value of failures of this purpose."""
        return _CATEGORIES[self.purpose]

    def permits(self, host: str, port: int) -> bool:
        """Tell whether the operator named this very host and port."""
        return (host.lower().rstrip("."), port) in self.places

    def accepts(self, address: str, *, host: str, port: int) -> bool:
        """Tell whether a connection for this host and port may go to this address."""
        reach = reach_of(address)
        return reach is Reach.PUBLIC or (reach is Reach.PRIVATE and self.permits(host, port))

    def refusal(self, what: str, *, code: str) -> OutboundRefused:
        """Word a refusal for this purpose."""
        return OutboundRefused(f"{what}.", category=self.category, code=code)

    def blocked(self, host: str, port: int) -> OutboundRefused:
        """Word the refusal of a host that is, or resolves to, no public address."""
        name = f"[{host}]" if ":" in host else host
        setting = f"OUTBOUND_ALLOW_{self.purpose.upper()}S"
        return self.refusal(
            f"{one_line(host)} is not an address on the public internet, so it was not called; "
            f"if it is meant, have the operator add {one_line(name)}:{port} to {setting}",
            code="blocked_address",
        )


def check_url(url: str, *, allow: Allowance) -> None:
    """Refuse a URL that may not be called, without looking its name up.

    https on port 443 or 80 of a public host, or a host and port named in the allowance. Raises
    `OutboundRefused`; its code is bad_url, url_has_password, blocked_scheme, blocked_port or
    blocked_address. What the name resolves to is checked when the connection is made.
    """
    place = place_of(url, allow=allow)
    if _is_never(place.host):
        raise allow.blocked(place.host, place.port)
    if allow.permits(place.host, place.port):
        return
    if _is_local(place.host):
        raise allow.blocked(place.host, place.port)
    if place.scheme != "https":
        raise allow.refusal(
            "Only https addresses are called; write https:// in front", code="blocked_scheme"
        )
    if place.port not in OPEN_PORTS:
        raise allow.refusal(
            f"Port {place.port} is not open for calls, only 443 and 80 are; use one of those",
            code="blocked_port",
        )


def check_host(host: str, port: int, *, allow: Allowance, ports: Collection[int]) -> None:
    """Refuse a host and port that may not be connected to, without looking the name up.

    One of `ports` of a public host, or a host and port named in the allowance. Raises
    `OutboundRefused` with the codes of `check_url`.
    """
    shown = f"[{host}]" if ":" in host else host
    match = _URL.fullmatch(f"host://{shown}:{port}")
    if match is None or match["port"] != str(port) or not _has_fair_host(match):
        raise allow.refusal(
            "The host is not a plain name or address; write it like mail.example.com, without "
            "spaces, other alphabets or unusual numbers",
            code="bad_url",
        )
    if _is_never(host) or (_is_local(host) and not allow.permits(host, port)):
        raise allow.blocked(host, port)
    if port not in ports and not allow.permits(host, port):
        known = ", ".join(str(number) for number in sorted(ports))
        raise allow.refusal(
            f"Port {port} is not open for this, only {known} are; use one of those",
            code="blocked_port",
        )


def place_of(url: str, *, allow: Allowance) -> Place:
    """Take a URL apart; raises `OutboundRefused` for anything unusual."""
    if _USERINFO.match(url):
        raise allow.refusal(
            "The address carries a user name or password; remove it and use a header instead",
            code="url_has_password",
        )
    match = _URL.fullmatch(url) if len(url) <= MAX_URL_CHARS else None
    scheme = match["scheme"].lower() if match else ""
    if match is None or (scheme in ("http", "https") and not _has_fair_host(match)):
        raise allow.refusal(
            "The address is not a plain web address; write it like https://example.com/path, "
            "without spaces, other alphabets or unusual numbers",
            code="bad_url",
        )
    if scheme not in ("http", "https"):
        raise allow.refusal(
            f"Addresses of the kind {one_line(scheme)}:// are not called; use https://",
            code="blocked_scheme",
        )
    port = int(match["port"] or (443 if scheme == "https" else 80))
    return Place(scheme, match["host"].strip("[]").lower(), port)


def _has_fair_host(match: re.Match[str]) -> bool:
    """Refuse numbers that a resolver would turn into an address: 2130706433, 0x7f.1, 127.1."""
    if not 0 < int(match["port"] or 443) < 65_536:
        return False
    host = match["host"]
    last_label = host.rstrip(".").rpartition(".")[2]
    return not _NUMBER.fullmatch(last_label) or bool(_DOTTED_QUAD.fullmatch(host))


def _is_literal(host: str) -> bool:
    return ":" in host or bool(_DOTTED_QUAD.fullmatch(host))


def _is_never(host: str) -> bool:
    return _is_literal(host) and reach_of(host) is Reach.NEVER


def _is_local(host: str) -> bool:
    if _is_literal(host):
        return reach_of(host) is not Reach.PUBLIC
    name = host.rstrip(".")
    return "." not in name or name.endswith(_LOCAL_SUFFIXES)


def _entry(entry: str) -> tuple[str, int]:
    host, _, port = entry.strip().rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{entry!r} is not of the form host:port.")
    return host.strip("[]").lower().rstrip("."), int(port)
