"""Object stores that speak S3: AWS, MinIO, Ceph, R2, SeaweedFS and friends, through s3fs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, TypeVar

from automations import environment, references
from automations.errors import Problem
from automations.outbound import Allowance, OutboundRefused, check_url
from automations.store_problems import StoreProblem, explained
from automations.text import human_size, one_line

DEADLINE_S = 60.0
MAX_LISTED = 10_000
PIECE = 10_000
MAX_LOOKED_AT = 100_000
DEFAULT_REGION = "us-east-1"
BUCKET_VARIABLE = "CONTENT_BUCKET"
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

Result = TypeVar("Result")

_WILDCARD = re.compile(r"[*?]")
_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_AS_PATTERN = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a bucket; the size is in bytes, the etag changes with the content."""

    key: str
    size: int
    modified_at: datetime | None
    etag: str


Listing = list[StoredObject]


def open_store(settings: Mapping[str, Any], *, purpose: str) -> Store:
    """Return the store that settings describe, with its keys read from the environment.

    `purpose` is "source" or "destination" and decides which private endpoints and which variables
    are allowed. Raises `StoreProblem` when a variable is missing or the endpoint may not be called.
    """
    allow = Allowance.for_purpose(purpose)
    try:
        bucket = settings.get("bucket") or environment.read(BUCKET_VARIABLE)
        key_id, secret, token = _credentials(settings, purpose)
        if endpoint := settings.get("endpoint_url"):
            check_url(endpoint, allow=allow)
    except Problem as problem:
        raise StoreProblem(problem.message, code=problem.code, category=allow.category) from problem
    if not BUCKET.fullmatch(bucket):
        raise StoreProblem(
            f"No bucket is named here, and {BUCKET_VARIABLE} holds none either; set one of them."
            if not bucket
            else f"{one_line(bucket)!r} is no bucket's name; correct it.",
            code="no_bucket",
            category=allow.category,
        )
    return Store(
        bucket=bucket,
        endpoint_url=endpoint or "",
        region=settings.get("region") or DEFAULT_REGION,
        key_id=key_id,
        secret=secret,
        token=token,
        allow=allow,
    )


def _credentials(settings: Mapping[str, Any], purpose: str) -> tuple[str, str, str]:
    key_variable, secret_variable = settings.get("key_id_env"), settings.get("secret_env")
    if not key_variable or not secret_variable:
        return "", "", ""
    # Checked again here: rows may be older than the rule.
    keys = references.store_keys(purpose, is_amazon=not settings.get("endpoint_url"))
    of_aws = key_variable == "AWS_ACCESS_KEY_ID"
    key_id, secret = keys.key_id.read(key_variable), keys.secret.read(secret_variable)
    token = environment.read(keys.session_token) if of_aws and keys.session_token else ""
    return key_id, secret, token


@dataclass(frozen=True, slots=True, repr=False)
class Store:
    """One bucket. The verbs block; those named `..._async` are for an event loop.

    Every verb raises `StoreProblem`, whose message is a sentence without secrets in it, and ends
    within its deadline.
    """

    bucket: str
    endpoint_url: str
    region: str
    key_id: str
    secret: str
    token: str
    allow: Allowance

    @property
    def where(self) -> str:
        """The bucket and whose it is, for sentences."""
        host = self.endpoint_url.partition("://")[2].partition("/")[0]
        return f"{self.bucket} at {one_line(host, limit=80)}" if host else self.bucket

    def list(self, pattern: str, *, limit: int = MAX_LISTED) -> Listing:
        """Return the objects whose key fits, by key: `*` and `?` stay within a level, `**` not."""
        return asyncio.run(self._bounded(lambda: self._list(pattern, limit)))

    def pages(self, pattern: str) -> Iterator[Listing]:
        """Yield the objects whose key fits, by key, piece by piece; their number has no limit.

        Each piece has a deadline of its own.
        """
        after = ""
        while True:
            page = asyncio.run(self._bounded(partial(self._piece, _prefix(pattern), after)))
            yield [stored for stored in page if _is_one_of(stored, _matcher(pattern))]
            if len(page) < PIECE:
                return
            after = page[-1].key

    def read(self, key: str, *, max_bytes: int) -> bytes:
        """Return one object's bytes; more than `max_bytes` are refused, not read."""
        return asyncio.run(self._bounded(lambda: self._read(key, max_bytes)))

    def write(self, key: str, data: bytes, *, content_type: str, once: bool = False) -> str:
        """Put an object; see `write_async`."""
        return asyncio.run(self.write_async(key, data, content_type=content_type, once=once))

    async def write_async(
        self, key: str, data: bytes, *, content_type: str, once: bool = False
    ) -> str:
        """Put an object and return its address `s3://bucket/key`.

        `once`: only where none is yet; the same bytes there are as good as written, others are
        refused (`object_exists`). Stores that do not know the condition overwrite.
        """
        await self._bounded(lambda: self._write(key, data, content_type, once))
        return f"s3://{self.bucket}/{key}"

    def check(self) -> str:
        """Look into the bucket and say what is there; leaves nothing behind."""
        return asyncio.run(self.check_async())

    async def check_async(self) -> str:
        """Look into the bucket and say what is there; leaves nothing behind."""
        found = await self._bounded(lambda: self._page(MaxKeys=1))
        some = "it holds objects" if found.get("KeyCount") else "it is empty"
        return f"The bucket {self.where} answers and may be listed; {some}."

    async def _bounded(self, work: Callable[[], Awaitable[Result]]) -> Result:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return await work()
        except StoreProblem:
            raise
        except Exception as error:
            raise explained(error, self.where, category=self.allow.category) from error

    async def _list(self, pattern: str, limit: int) -> Listing:
        prefix, fits = _prefix(pattern), _matcher(pattern)
        found: Listing = []
        async with self._opened() as store:
            looked_at = 0
            async for entry in store._iterdir(self.bucket, delimiter="", prefix=prefix):
                looked_at += 1
                stored = _stored(entry, self.bucket)
                if _is_one_of(stored, fits):
                    found.append(stored)
                if looked_at > MAX_LOOKED_AT or len(found) > limit:
                    raise self._too_many(pattern, limit)
        return sorted(found, key=lambda stored: stored.key)

    async def _piece(self, prefix: str, after: str) -> Listing:
        """Return the next objects after a key, as many as `PIECE`; fewer are the last ones."""
        found: Listing = []
        async with self._opened() as store:
            while len(found) < PIECE:
                answer = await store._call_s3(
                    "list_objects_v2",
                    Bucket=self.bucket,
                    Prefix=prefix,
                    StartAfter=found[-1].key if found else after,
                    MaxKeys=min(1_000, PIECE - len(found)),
                )
                found += [_stored(entry, self.bucket) for entry in answer.get("Contents", [])]
                if not answer.get("IsTruncated"):
                    break
        return found

    async def _page(self, **options: Any) -> dict[str, Any]:
        async with self._opened() as store:
            page: dict[str, Any] = await store._call_s3(
                "list_objects_v2", Bucket=self.bucket, **options
            )
        return page

    async def _read(self, key: str, max_bytes: int) -> bytes:
        async with self._opened() as store:
            answer = await store._call_s3("get_object", Bucket=self.bucket, Key=key)
            async with answer["Body"] as body:
                if answer.get("ContentLength", 0) <= max_bytes:
                    data = await _read_up_to(body, max_bytes)
                    if len(data) <= max_bytes:
                        return data
        raise StoreProblem(
            f"{one_line(key)} in {self.where} is larger than {human_size(max_bytes)}; split it.",
            code="too_large",
            category=self.allow.category,
        )

    async def _write(self, key: str, data: bytes, content_type: str, once: bool) -> None:  # noqa: FBT001
        try:
            await self._put(key, data, content_type, {"IfNoneMatch": "*"} if once else {})
        except Exception as error:
            problem = explained(error, self.where, category=self.allow.category)
            if once and problem.code == "condition_unknown":
                await self._put(key, data, content_type, {})
            elif not (once and problem.code == "object_exists" and await self._holds(key, data)):
                raise problem from error

    async def _put(
        self, key: str, data: bytes, content_type: str, condition: dict[str, str]
    ) -> None:
        async with self._opened() as store:
            await store._call_s3(
                "put_object",
                Bucket=self.bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                **condition,
            )

    async def _holds(self, key: str, data: bytes) -> bool:
        try:
            return await self._read(key, len(data)) == data
        except StoreProblem as problem:
            if problem.code == "too_large":
                return False
            raise

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Any]:
        # Two seconds of imports, which only workers need.
        from s3fs import S3FileSystem  # noqa: PLC0415

        store = S3FileSystem(
            **self._who(),
            endpoint_url=self.endpoint_url or None,
            client_kwargs={"region_name": self.region},
            config_kwargs=self._config(),
            session=_session(),
            asynchronous=True,
            skip_instance_cache=True,
            use_listings_cache=False,
        )
        store.retries = 1
        client = await store.set_session()
        try:
            yield store
        finally:
            await client.close()

    def _who(self) -> dict[str, Any]:
        """Name the keys, or none at all: the client then never looks for any on the machine."""
        if not self.key_id:
            return {"anon": True}
        return {"key": self.key_id, "secret": self.secret, "token": self.token or None}

    def _config(self) -> dict[str, Any]:
        from automations.outbound.buckets import guarded_config  # noqa: PLC0415

        style = "path" if self.endpoint_url else "virtual"
        return {**guarded_config(self.allow), "s3": {"addressing_style": style}}

    def _too_many(self, pattern: str, limit: int) -> StoreProblem:
        return StoreProblem(
            f"More than {limit:,} objects of {self.where} fit {one_line(pattern)}; narrow it.",
            code="too_many",
            category=self.allow.category,
        )


@lru_cache(maxsize=1)
def _session() -> Any:
    """Return a client session that knows nothing of this machine's profiles and keys."""
    from aiobotocore.session import AioSession  # noqa: PLC0415

    # (name in a profile, name in the environment, default, conversion)
    nowhere = (None, None, "/dev/null", None)
    return AioSession(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": nowhere,
            "credentials_file": nowhere,
        }
    )


def fits(pattern: str, key: str) -> bool:
    """Tell whether a key is one of those that a pattern finds."""
    return bool(_matcher(pattern)(key))


def _prefix(pattern: str) -> str:
    return _WILDCARD.split(pattern, maxsplit=1)[0]


def _is_one_of(stored: StoredObject, fits: Callable[[str], Any]) -> bool:
    return bool(fits(stored.key)) and not stored.key.endswith("/")


def _matcher(pattern: str) -> Callable[[str], Any]:
    import re2  # noqa: PLC0415  linear time, whatever the pattern

    pieces = _PIECES.findall(pattern)
    translated = "".join(_AS_PATTERN.get(piece) or re2.escape(piece) for piece in pieces)
    fits: Callable[[str], Any] = re2.compile(f"(?s){translated}").fullmatch
    return fits


async def _read_up_to(body: Any, max_bytes: int) -> bytes:
    content = bytearray()
    while piece := await body.read(65_536):
        content += piece
        if len(content) > max_bytes:
            break
    return bytes(content)


def _stored(entry: Mapping[str, Any], bucket: str) -> StoredObject:
    return StoredObject(
        key=entry["Key"].removeprefix(f"{bucket}/"),  # s3fs puts the bucket in front
        size=int(entry.get("Size") or 0),
        modified_at=entry.get("LastModified"),
        etag=str(entry.get("ETag") or "").strip('"'),
    )


__all__ = ["OutboundRefused", "Store", "StoreProblem", "StoredObject", "fits", "open_store"]
