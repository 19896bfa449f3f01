"""The house rules that a program can check: sizes, names, locks, settings, documents."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

import pytest

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("automations", "monitoring", "lifecycle", "scripts", "benchmarks")
TEXT = {".py", ".md", ".html", ".css", ".js", ".toml", ".yml", ".yaml", ".sh", ".in", ".txt", ""}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "SECURITY.md")
LOCKS = sorted((ROOT / "requirements").glob("*.in"))

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Read by the rows that name them, not by our code.
NAMED_BY_ROWS = {"SLACK_WEBHOOK", "CONTENT_BUCKET", "AWS_SESSION_TOKEN"}
# Set by the machine or by Django, not by an operator of ours.
NOT_OURS = {"CI", "DJANGO_SETTINGS_MODULE", "PATH", "XDG_CACHE_HOME"}


@cache
def files() -> tuple[Path, ...]:
    """Return what belongs to the repository: tracked files, and new ones that are not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout: nobody can tell what belongs to the repository")
    names = listed.stdout.decode().split("\0")
    return tuple(path for name in names if name and (path := ROOT / name).is_file())


def texts() -> Iterator[tuple[str, str]]:
    """Yield the name and content of every text that people wrote."""
    for path in files():
        name = str(path.relative_to(ROOT))
        if path.suffix in TEXT and not name.startswith("static/vendor/"):
            yield name, path.read_text(encoding="utf-8")


def python_files(*, folders: tuple[str, ...]) -> list[Path]:
    """Return the Python files in folders at the root, migrations left out."""
    return [
        path
        for path in files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in folders
        and "migrations" not in path.parts
    ]


def functions(path: Path) -> list[Function]:
    """Return every function and method in a file."""
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function)]


def lines_of(function: Function) -> int:
    """Return the lines from `def` to the end, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def lines_of_code(function: Function) -> int:
    """Return the same without the docstring, which must not be saved on."""
    first = function.body[0]
    is_docstring = ast.get_docstring(function) is not None
    return lines_of(function) - (lines_of(first) if is_docstring else 0)  # type: ignore[arg-type]


def offenders(pattern: str, *, allowed: tuple[str, ...] = ()) -> list[str]:
    """Return `file:line: text` for every line that matches, outside the allowed files."""
    wanted = re.compile(pattern)
    return [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        if name not in allowed
        for number, line in enumerate(text.splitlines(), start=1)
        if wanted.search(line)
    ]


# --- sizes ---------------------------------------------------------------------------------


def test_no_function_is_over_40_lines() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{function.lineno} {function.name} ({lines_of(function)})"
        for path in python_files(folders=(*PRODUCT, "tests"))
        for function in functions(path)
        if lines_of(function) > 40
    ]
    assert long == []


def test_functions_are_short_on_the_whole() -> None:
    product = python_files(folders=PRODUCT)
    sizes = [lines_of_code(function) for path in product for function in functions(path)]
    assert median(sizes) <= 8
    assert quantiles(sizes, n=10)[-1] <= 25


def test_files_stay_small() -> None:
    limits = {**dict.fromkeys(PRODUCT, 400), "tests": 600}
    large = [
        f"{path.relative_to(ROOT)} ({size} lines)"
        for folder, limit in limits.items()
        for path in python_files(folders=(folder,))
        if (size := len(path.read_text().splitlines())) > limit
    ]
    assert large == []


def test_every_module_and_public_function_says_what_it_is() -> None:
    silent = []
    for path in python_files(folders=PRODUCT):
        tree = ast.parse(path.read_text())
        if tree.body and not ast.get_docstring(tree):
            silent.append(str(path.relative_to(ROOT)))
        silent += [
            f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
            for node in tree.body
            if isinstance(node, Function)
            and not node.name.startswith("_")
            and not ast.get_docstring(node)
        ]
    assert silent == []


# --- words ---------------------------------------------------------------------------------


def test_nothing_is_left_for_later_in_the_code() -> None:
    mine = "tests/test_repository.py"
    finds_them = (
        "automations/validators/placeholders.py",
        "tests/automations/validators/test_placeholders.py",
    )
    rules = ("pyproject.toml", mine, *finds_them)
    assert offenders(r"\b(TODO|FIXME|XXX|HACK)\b", allowed=rules) == []


def test_no_module_is_named_after_being_handy() -> None:
    handy = {"common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}
    folders = (*PRODUCT, "tests")
    named = [
        path for path in python_files(folders=folders) if handy & {path.stem, path.parent.name}
    ]
    assert named == []


def test_nobodys_own_directories_are_written_down() -> None:
    assert offenders(r"(?<![\w.$}])/(home|root|Users|work)/\w") == []


def test_where_packages_come_from_is_left_to_the_machine() -> None:
    option = r"--(extra-)?index-url|--find-links"
    mine = "tests/test_repository.py"
    assert offenders(rf"(?<!no-emit-index-url ){option}(?!\w)", allowed=(mine,)) == []
    locked = "\n".join(path.with_suffix(".txt").read_text() for path in LOCKS)
    assert "://" not in locked


# --- dependencies --------------------------------------------------------------------------


def pins(lock: Path) -> dict[str, str]:
    """Return name -> version from a lock file."""
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), re.MULTILINE))


def wanted(source: Path) -> set[str]:
    """Return the names that a .in file asks for, those of the files it includes as well."""
    names: set[str] = set()
    for line in source.read_text().splitlines():
        if line.startswith("-r "):
            names |= wanted(source.parent / line.removeprefix("-r ").strip())
        elif match := re.match(r"[A-Za-z0-9._-]+", line):
            names.add(re.sub(r"[._-]+", "-", match[0]).lower())
    return names


@pytest.mark.parametrize("source", LOCKS, ids=lambda path: path.stem)
def test_every_requirement_is_pinned(source: Path) -> None:
    assert wanted(source) - set(pins(source.with_suffix(".txt"))) == set()


@pytest.mark.parametrize("source", LOCKS, ids=lambda path: path.stem)
def test_every_pin_has_a_hash(source: Path) -> None:
    blocks = re.split(r"\n(?=\S)", source.with_suffix(".txt").read_text())
    pinned = [block for block in blocks if not block.startswith("#")]
    assert len(pinned) == len(pins(source.with_suffix(".txt")))
    assert [block.split()[0] for block in pinned if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("smaller", ["base", "local-model"])
def test_the_larger_locks_hold_the_smaller_ones_at_the_same_versions(smaller: str) -> None:
    inner = pins(ROOT / "requirements" / f"{smaller}.txt")
    larger = {"base": ("local-model", "production", "dev"), "local-model": ("dev",)}[smaller]
    for name in larger:
        outer = pins(ROOT / "requirements" / f"{name}.txt")
        assert {package: outer.get(package) for package in inner} == inner


# --- settings ------------------------------------------------------------------------------


def environment_names(path: Path) -> set[str]:
    """Return the environment variables that a file reads by a name written in it."""
    source = path.read_text()
    call = r"""(?:\benv(?:\.\w+)?|environ\.get|getenv|\bread)\(\s*["']([A-Z][A-Z0-9_]+)["']"""
    item = r"""environ\[["']([A-Z][A-Z0-9_]+)["']\]"""
    scheme = r"^    ([A-Z][A-Z0-9_]+)=\("
    patterns = (call, item, scheme) if path.name == "settings.py" else (call, item)
    found = (re.findall(pattern, source, re.MULTILINE) for pattern in patterns)
    return set(chain.from_iterable(found))


def test_the_example_environment_names_every_variable_and_no_other() -> None:
    example = (ROOT / ".env.example").read_text()
    described = set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))
    product = python_files(folders=("automations", "monitoring", "lifecycle"))
    read = set(chain.from_iterable(environment_names(path) for path in product))
    assert described == (read - NOT_OURS) | NAMED_BY_ROWS


# --- documents -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document", ["README.md", "CONTRIBUTING.md", "DECISIONS.md", "SECURITY.md"]
)
def test_the_documents_name_only_commands_that_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE))
    assert named - targets == set()


def test_the_readme_names_only_management_commands_that_exist() -> None:
    named = set(re.findall(r"manage\.py (\w+)", (ROOT / "README.md").read_text()))
    ours = {path.stem for path in files() if path.parent.name == "commands"}
    assert named <= ours
    assert named


def test_the_documents_link_only_to_what_is_here() -> None:
    broken = [
        f"{path.name}: {target}"
        for path in ROOT.glob("*.md")
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_text_is_in_utf_8_and_ends_its_last_line() -> None:
    ragged = [name for name, text in texts() if text and not text.endswith("\n")]
    assert ragged == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert re.search(r"^make test\b", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert re.search(r"^\s+make test 2>&1", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
