"""What went wrong at an object store, in a sentence: from the store's code or the connection."""

from __future__ import annotations

from collections.abc import Iterator

from automations.errors import Problem
from automations.redaction import redact
from automations.text import one_line

_KEYS = "check the two key variables"
# The store's own error code -> (our code, what happened and what to do).
_SAID = {
    "NoSuchBucket": ("no_bucket", "there is no such bucket; create it, or correct its name"),
    "NoSuchKey": ("missing_object", "there is no such object; look whether it was removed"),
    "404": ("missing_object", "there is no such bucket or object; check the names"),
    "AccessDenied": (
        "access_denied",
        "these keys may not do this; give them the right in the store's policy",
    ),
    "AllAccessDisabled": ("access_denied", "the bucket is closed; ask the store's operator"),
    "AccountProblem": ("access_denied", "the account is not in order; ask the store's operator"),
    "InvalidAccessKeyId": ("bad_credentials", f"the key id is not known there; {_KEYS}"),
    "InvalidToken": ("bad_credentials", "the session token is not valid; renew it"),
    "ExpiredToken": ("bad_credentials", "the session token has expired; renew it"),
    "SignatureDoesNotMatch": (
        "bad_signature",
        f"the signature does not fit; {_KEYS}, above all the secret one, and the region",
    ),
    "AuthorizationHeaderMalformed": ("bad_region", "the region is wrong; correct it"),
    "IllegalLocationConstraintException": ("bad_region", "the region is wrong; correct it"),
    "PermanentRedirect": ("bad_region", "the bucket is elsewhere; correct region or endpoint"),
    "TemporaryRedirect": ("bad_region", "the bucket is elsewhere for now; try again later"),
    "RequestTimeTooSkewed": (
        "clock_skewed",
        "the clocks of this machine and the store differ by more than 15 minutes; set the clock",
    ),
    "PreconditionFailed": (
        "object_exists",
        "another object with other content is under this key already, and it was left as it is; "
        "remove it or change the key",
    ),
    "NotImplemented": ("condition_unknown", "the store does not know this kind of request"),
    "QuotaExceeded": ("store_full", "the store is full; make room there"),
    "XMinioStorageFull": ("store_full", "the store is full; make room there"),
    "InvalidObjectState": ("archived", "the object is archived; restore it there first"),
}
_BUSY = frozenset(
    {
        "ConditionalRequestConflict",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "XMinioServerNotInitialized",
    }
)
_UNREACHED = ("EndpointConnectionError", "ConnectTimeoutError")
_BROKEN = ("ConnectionClosedError", "ReadTimeoutError", "ResponseParserError", "HTTPClientError")


class StoreProblem(Problem):
    """An object store did not do what was asked; `retry` says whether another try can help."""

    def __init__(self, message: str, *, code: str, category: str, retry: bool = False) -> None:
        super().__init__(message, category=category, code=code)
        self.retry = retry


def explained(error: BaseException, where: str, *, category: str) -> StoreProblem:
    """Return a store's failure as our problem; causes hidden in the client's errors are found."""
    for cause in _causes(error):
        if isinstance(cause, StoreProblem):
            return cause
        if isinstance(cause, Problem):
            retry = cause.code in ("network_error", "timeout")
            return StoreProblem(cause.message, code=cause.code, category=category, retry=retry)
    code, what, retry = _told(error)
    return StoreProblem(f"{where}: {what}.", code=code, category=category, retry=retry)


def _told(error: BaseException) -> tuple[str, str, bool]:
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        if isinstance(response, dict):
            return _from_answer(response)
    names = [type(cause).__name__ for cause in _causes(error)]
    if "SSLError" in names or "ClientConnectorCertificateError" in names:
        what = "no secure connection could be made; check that endpoint and certificate belong"
        return "tls_error", f"{what} together", False
    if any(name in _UNREACHED for name in names):
        return "network_error", "nothing answers there; check the endpoint and the network", True
    if isinstance(error, TimeoutError) or "ReadTimeoutError" in names:
        return "timeout", "no whole answer came in time; it is as if the store hung", True
    if any(name in _BROKEN for name in names):
        return "network_error", "the answer is broken or not a store's; check the endpoint", True
    return _unforeseen(error)


def _unforeseen(error: BaseException) -> tuple[str, str, bool]:
    said = one_line(redact(str(error)))
    return "store_error", f"the store's client gave up ({type(error).__name__}: {said})", False


def _from_answer(response: dict[str, object]) -> tuple[str, str, bool]:
    told = response.get("Error")
    error: dict[str, object] = told if isinstance(told, dict) else {}
    meta = response.get("ResponseMetadata")
    status = meta.get("HTTPStatusCode", 0) if isinstance(meta, dict) else 0
    name = str(error.get("Code", ""))
    if name in _SAID:
        code, what = _SAID[name]
        return code, what, False
    busy = name in _BUSY or (isinstance(status, int) and (status >= 500 or status == 429))
    said = one_line(redact(str(error.get("Message", "")))) or "no reason given"
    shown = one_line(name, limit=60) or str(status)
    if busy:
        return "store_busy", f"the store is busy or broken ({shown}: {said})", True
    return "store_refused", f"the store refused ({shown}: {said}); check the settings", False


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what led to it; botocore keeps the original among its arguments."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting and len(seen) < 20:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = getattr(cause, "kwargs", None)
        held = inner.get("error") if isinstance(inner, dict) else None
        waiting += [held if isinstance(held, BaseException) else None]
        waiting += [cause.__cause__, cause.__context__]
