"""Secrets by reference: settings name an environment variable, the worker reads it when needed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from automations import environment
from automations.errors import Problem
from automations.text import one_line

MARK = "env:"

# `env:NAME`, or a scheme before it as in `Bearer env:NAME`.
_REFERENCE = re.compile(r"(?P<scheme>[A-Za-z]+ )?env:(?P<variable>[A-Z][A-Z0-9_]*)")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,79}")


def is_reference(value: str) -> bool:
    """Tell whether a value is `env:NAME`, or a scheme before one."""
    return bool(_REFERENCE.fullmatch(value))


@dataclass(frozen=True, slots=True)
class References:
    """Which variables one purpose may read: never the installation's own secrets."""

    category: str
    prefixes: tuple[str, ...]
    names: frozenset[str] = frozenset()
    suffix: str = ""
    note: str = ""

    @property
    def prefix(self) -> str:
        """The prefix that help texts and sentences suggest."""
        return self.prefixes[0]

    def may_read(self, variable: str) -> bool:
        """Tell whether a variable is meant for this purpose."""
        named = bool(_VARIABLE.fullmatch(variable))
        meant = variable.startswith(self.prefixes) and variable.endswith(self.suffix)
        return named and (variable in self.names or meant)

    def faults(self, value: str) -> list[str]:
        """Return why `env:NAME` (or `Bearer env:NAME`) may not be used here; empty when it may."""
        match = _REFERENCE.fullmatch(value)
        if match and self.may_read(match["variable"]):
            return []
        return [f"`{one_line(value, limit=60)}` {self._refusal()}"]

    def variable_faults(self, variable: str) -> list[str]:
        """Return why a bare variable name may not be used here; empty when it may."""
        if self.may_read(variable):
            return []
        return [f"`{one_line(variable, limit=60)}` {self._refusal()}"]

    def resolve(self, value: str) -> tuple[str, str]:
        """Return a value with its reference replaced, and the secret in it ("" without one).

        Raises `Problem` (secret_refused, secret_missing) for a variable that is not meant for
        this purpose, missing or empty.
        """
        match = _REFERENCE.fullmatch(value)
        if match is None:
            return value, ""
        secret = self.read(match["variable"])
        return (match["scheme"] or "") + secret, secret

    def read(self, variable: str) -> str:
        """Return a variable's value. Raises `Problem` (secret_refused, secret_missing)."""
        if faults := self.variable_faults(variable):
            raise Problem(faults[0], category=self.category, code="secret_refused")
        try:
            secret = environment.read(variable)
        except Problem as problem:
            raise Problem(problem.message, category=self.category, code=problem.code) from problem
        if not secret:
            message = (
                f"The environment variable {variable} is not set, so nothing was sent; set it for "
                "the worker and try again."
            )
            raise Problem(message, category=self.category, code="secret_missing")
        return secret

    def _refusal(self) -> str:
        begins = " or ".join(self.prefixes) + (f" and ends with {self.suffix}" * bool(self.suffix))
        others = f", and {', '.join(sorted(self.names))}" if self.names else ""
        return (
            "names a variable that may not be sent; only variables whose name begins with "
            f"{begins} are{others}.{self.note}"
        )


DESTINATION = References("delivery_error", ("DESTINATION_",))
SOURCE = References("source_error", ("SOURCE_",))
SLACK = References("delivery_error", ("DESTINATION_",), frozenset({"SLACK_WEBHOOK"}))
_STORES = {
    "destination": References("delivery_error", ("STORE_", "DESTINATION_")),
    "source": References("source_error", ("STORE_", "SOURCE_")),
}


@dataclass(frozen=True, slots=True)
class StoreKeys:
    """Which variables may hold the key id and the secret key of one object store."""

    key_id: References
    secret: References
    session_token: str  # the variable that goes with Amazon's own keys; empty elsewhere


def store_keys(purpose: str, *, is_amazon: bool) -> StoreKeys:
    """Return what a store may be given: Amazon's own keys go to Amazon alone.

    A key id is sent in clear with every request, so no variable of a secret may stand for it.
    """
    base = _STORES[purpose]
    if not is_amazon:
        note = " The AWS_ variables go to Amazon alone, so leave the endpoint empty for them."
        base = replace(base, note=note)
    key_id, secret = ({"AWS_ACCESS_KEY_ID"}, {"AWS_SECRET_ACCESS_KEY"}) if is_amazon else ((), ())
    return StoreKeys(
        key_id=replace(base, names=frozenset(key_id), suffix="_KEY_ID"),
        secret=replace(base, names=frozenset(secret)),
        session_token="AWS_SESSION_TOKEN" if is_amazon else "",
    )


def host_of(url: str) -> str:
    """Return a URL's host for sentences: paths and queries may hold what does not belong there."""
    if url.startswith(MARK):
        return url
    return one_line(url.partition("://")[2].partition("/")[0].partition("?")[0], limit=80)
