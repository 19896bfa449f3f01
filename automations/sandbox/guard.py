"""The child's way out: every look-up and every connection is held to the outbound rules."""

from __future__ import annotations

import socket
from typing import Any

from automations.errors import Problem
from automations.outbound.rules import OPEN_PORTS, Allowance

_REAL_LOOKUP = socket.getaddrinfo
_REAL = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}


class Guard:
    """Stands before `socket` for the life of the process.

    `entries` are the operator's `host:port` pairs, or None for a job without network. The first
    refusal is kept: a library that swallows it cannot hide it.
    """

    def __init__(self, purpose: str, entries: list[str] | None) -> None:
        self.refusal: Problem | None = None
        self._allow = None if entries is None else Allowance.of(purpose, entries)
        self._checked: set[tuple[str, int]] = set()
        socket.getaddrinfo = self._look_up
        for name in _REAL:
            setattr(socket.socket, name, self._guarded(name))

    def _guarded(self, name: str) -> Any:
        real = _REAL[name]

        def call(opened: socket.socket, *arguments: Any) -> Any:
            *others, target = arguments
            return real(opened, *others, self._target(opened, target))

        return call

    def _target(self, opened: socket.socket, target: Any) -> Any:
        """Return where a socket may go: the same place, with its name resolved and checked."""
        if self._allow is None or opened.family not in (socket.AF_INET, socket.AF_INET6):
            raise self._refuse(self._blocked("this kind of connection"))
        host, port = str(target[0]), int(target[1])
        if (host, port) not in self._checked:
            found = self._look_up(host, port, opened.family, opened.type)
            host = str(found[0][4][0])
        return (host, port, *target[2:])

    def _look_up(self, host: Any, port: Any, *others: Any, **named: Any) -> list[Any]:
        """Resolve as `socket.getaddrinfo` does; refuse if any one address may not be called."""
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if self._allow is None:
            raise self._refuse(self._blocked(name))
        found = _REAL_LOOKUP(host, port, *others, **named)
        for address, number in ((str(info[4][0]), int(info[4][1])) for info in found):
            self._require_allowed(self._allow, name, address, number)
            self._checked.add((address, number))
        return list(found)

    def _require_allowed(self, allow: Allowance, host: str, address: str, port: int) -> None:
        if not allow.accepts(address, host=host, port=port):
            raise self._refuse(allow.blocked(host, port))
        if port and port not in OPEN_PORTS and not allow.permits(host, port):
            what = f"Port {port} is not open for calls, only 443 and 80 are; use one of those"
            raise self._refuse(allow.refusal(what, code="blocked_port"))

    def _refuse(self, problem: Problem) -> Problem:
        self.refusal = self.refusal or problem
        return problem

    def _blocked(self, what: str) -> Problem:
        category = self._allow.category if self._allow else "source_error"
        return Problem(
            f"The child process wanted to reach {what}, which it may not, so nothing was called; "
            "give a file or an address without references to others.",
            category=category,
            code="blocked_address",
        )
