"""The fine causes that sources and destinations give: each is known, and brought about by a test.

They become a run's `error_code`, which people filter by, so none comes or goes unseen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CODE = ROOT / "automations"
DELIVERY, SOURCE = "delivery_error", "source_error"
# By their code: what kinds of problem have it; `either` is told by who reads, as in a store.
CODES = {
    "bad_name": {SOURCE},
    "broken_file": {SOURCE},
    "chain_too_deep": {DELIVERY},
    "has_macros": {SOURCE},
    "input_refused": {DELIVERY},
    "mail_unsupported": {DELIVERY},
    "mismatch": {SOURCE},
    "missing_file": {SOURCE},
    "no_automation": {SOURCE},
    "no_bucket": {"either"},
    "no_input": {SOURCE},
    "no_target": {DELIVERY},
    "no_text": {SOURCE},
    "not_a_feed": {SOURCE},
    "not_accepted": {SOURCE},
    "not_text": {SOURCE},
    "outcome_unknown": {DELIVERY},
    "outside_source": {SOURCE},
    "password_protected": {SOURCE},
    "redirected": {SOURCE},
    "secret_refused": {DELIVERY},
    "suspicious_file": {SOURCE},
    "target_takes_none": {DELIVERY},
    "template_error": {DELIVERY},
    "tls_error": {DELIVERY},
    "too_large": {SOURCE, "either"},
    "too_long": {DELIVERY},
    "too_many": {"either"},
    "unknown_kind": {DELIVERY},
}
# Codes that are put together or passed on, as they stand in the source.
MADE = {
    "code",
    "f'http_{reply.status}'",
    "f'notice_{status}' if status else 'notice_failed'",
    "f'slack_{said}'",
    "failure.code",
    "name",
    "problem.code",
    "refusal.code",
}


def places() -> list[Path]:
    folders = (CODE / "connectors", CODE / "documents")
    inside = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    return [*inside, CODE / "stores.py", CODE / "services" / "chaining.py"]


def constants(tree: ast.Module) -> dict[str, str]:
    """Return a module's names for plain strings."""
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }


def raised(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the code and the category of every problem that a module makes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = constants(tree)
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        given = {word.arg: ast.unparse(word.value) for word in call.keywords}
        if "code" in given:
            code = repr(names[given["code"]]) if given["code"] in names else given["code"]
            yield code, category_of(ast.unparse(call.func), given.get("category", ""))


def category_of(made: str, given: str) -> str:
    if made == "DeliveryProblem":
        return DELIVERY
    return given.strip("'") if given.startswith("'") else "either"


def test_every_code_of_a_source_or_destination_is_in_the_table() -> None:
    found: dict[str, set[str]] = {}
    made = set()
    for path in places():
        for code, category in raised(path):
            if code.startswith("'"):
                found.setdefault(code.strip("'"), set()).add(category)
            else:
                made.add(code)
    assert found == CODES
    assert made == MADE


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_brought_about_by_a_test(code: str) -> None:
    others = (path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__))
    assert any(f'"{code}"' in path.read_text(encoding="utf-8") for path in others)
