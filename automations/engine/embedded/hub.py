"""Downloading a file of known size from the model hub, going on where an earlier try broke off."""

import ssl
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from automations.engine.embedded.errors import FetchRefused
from automations.engine.embedded.progress import Bar, Progress

CHUNK_BYTES = 1 << 18
TIMEOUT_S = 8.0
MOST_BREAKS = 5
BROKEN_CONNECTION = (ConnectionError, TimeoutError, ssl.SSLError, HTTPException)


def download(url: str, partial: Path, size_bytes: int, progress: Progress) -> None:
    """Bring `partial` to `size_bytes`; what is in it is not verified here.

    A connection that breaks after giving something is taken up again, also by a later call.
    Raises `FetchRefused` on the first answer that gives nothing, `OSError` if the disk refuses.
    """
    if not url.startswith(("http://", "https://")):
        raise FetchRefused(f"{url} is not an http or https address")
    if _length(partial) > size_bytes:
        partial.unlink()
    breaks = 0
    while (before := _length(partial)) < size_bytes:
        ending = _take_up(url, partial, size_bytes, progress)
        if breaks == MOST_BREAKS or _length(partial) <= before:
            raise FetchRefused(ending)
        breaks += 1


def _take_up(url: str, partial: Path, size_bytes: int, progress: Progress) -> str:
    offset = _length(partial)
    headers = {"Range": f"bytes={offset}-", "Accept-Encoding": "identity"}
    try:
        with _answer(url, headers) as answer:
            start = _start_of(answer, offset, size_bytes)
            with closing(progress("downloading", size_bytes, start)) as bar:
                _store(answer, partial, start, size_bytes, bar)
    except HTTPError as error:
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            partial.unlink(missing_ok=True)
        return f"it answered {error.code} {error.reason}"
    except URLError as error:
        return f"it cannot be reached ({error.reason})"
    except BROKEN_CONNECTION as error:
        return f"the connection broke ({type(error).__name__})"
    return "the answer ended early"


def _answer(url: str, headers: dict[str, str]) -> HTTPResponse:
    request = Request(url, headers=headers)  # noqa: S310 - `download` allows http and https only
    answer: HTTPResponse = urlopen(request, timeout=TIMEOUT_S)  # noqa: S310 - as above
    return answer


def _start_of(answer: HTTPResponse, offset: int, size_bytes: int) -> int:
    if answer.status == HTTPStatus.PARTIAL_CONTENT:
        promised = answer.headers.get("Content-Range", "")
        if promised != f"bytes {offset}-{size_bytes - 1}/{size_bytes}":
            raise FetchRefused(f"it offers another range or file ({promised or 'no range named'})")
        return offset
    length = answer.headers.get("Content-Length", "unknown")
    if length != str(size_bytes):
        raise FetchRefused(f"it offers another file ({length} bytes, not {size_bytes})")
    return 0


def _store(answer: HTTPResponse, partial: Path, start: int, size_bytes: int, bar: Bar) -> None:
    length = start
    with partial.open("ab" if start else "wb") as file:
        while chunk := answer.read(CHUNK_BYTES):
            length += len(chunk)
            if length > size_bytes:
                raise FetchRefused("it sends more bytes than the file has")
            file.write(chunk)
            bar.update(len(chunk))


def _length(partial: Path) -> int:
    return partial.stat().st_size if partial.exists() else 0
