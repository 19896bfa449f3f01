"""What differs between two texts: complete, escaped, and never more work than the budget."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from automations.differences import (
    MOST_PAIRS,
    Budget,
    Comparison,
    Piece,
    by_lines,
    by_words,
    shared,
)
from automations.templatetags.differences import marked

TEXTS = st.text(alphabet="ab é\n\t.,日本", max_size=60) | st.text(max_size=200)
# Half as large as the largest prompt, five times over; each is the worst case of some algorithm.
HOSTILE = {
    "the same word": ("a " * 50_000, "b " * 50_000),
    "a word inserted everywhere": ("a " * 50_000, "a b " * 25_000),
    "a line inserted everywhere": ("a\n" * 50_000, "b\na\n" * 25_000),
    "every word moved": (
        " ".join(map(str, range(20_000))),
        " ".join(map(str, range(19_999, -1, -1))),
    ),
    "a rhythm": ("x y " * 25_000, "y x x " * 16_667),
    "blank lines": ("\n" * 100_000, "\n " * 50_000),
    "one long word": ("a" * 100_000, "b" * 100_000),
}


def old_of(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "ins")


def new_of(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "del")


def texts_of(comparison: Comparison) -> tuple[str, str]:
    """Return the old and the new text as the rows hold them."""
    olds = [row.old for row in comparison.rows if row.old is not None]
    news = [row.new for row in comparison.rows if row.new is not None]
    return "\n".join(map(old_of, olds)), "\n".join(map(new_of, news))


@given(old=TEXTS, new=TEXTS)
@example(old="", new="")
@example(old="a\n", new="a")
@example(old="", new="\n")
def test_the_pieces_of_a_difference_are_both_texts(old: str, new: str) -> None:
    pieces = by_words(old, new)
    assert (old_of(pieces), new_of(pieces)) == (old, new)
    assert all(piece.text for piece in pieces)
    assert texts_of(by_lines(old, new)) == (old, new)


@given(text=TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert all(piece.kind == "same" for piece in by_words(text, text))
    assert by_lines(text, text).is_same


@given(old=TEXTS, new=TEXTS, steps=st.integers(0, 40))
def test_a_spent_budget_costs_detail_and_no_text(old: str, new: str, steps: int) -> None:
    budget = Budget(steps)
    assert texts_of(by_lines(old, new, budget=budget)) == (old, new)
    pieces = by_words(old, new, budget=Budget(steps))
    assert (old_of(pieces), new_of(pieces)) == (old, new)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_costs_more_than_the_budget_and_one_step(name: str) -> None:
    old, new = HOSTILE[name]
    for compare in (by_words, by_lines):
        budget = Budget(20_000)
        compare(old, new, budget=budget)
        # The last step may overshoot: it follows what is equal to its end.
        assert budget.steps > -max(len(old), len(new))


def test_a_page_shares_one_budget() -> None:
    budget = Budget(20_000)
    for old, new in HOSTILE.values():
        by_lines(old, new, budget=budget)
    assert budget.was_spent
    assert by_words("one two", "one three", budget=budget)[-1] == Piece("three", "ins")


def test_words_are_marked_and_not_letters() -> None:
    assert by_words("Use no hashtags.", "Use three hashtags.") == (
        Piece("Use "), Piece("no", "del"), Piece("three", "ins"), Piece(" hashtags."),
    )  # fmt: skip


def test_changes_with_only_a_blank_between_them_are_one() -> None:
    pieces = by_words("the old cat sat", "a new dog sat")
    assert pieces == (
        Piece("the old cat", "del"), Piece("a new dog", "ins"), Piece(" sat"),
    )  # fmt: skip


def test_paragraphs_stay_apart() -> None:
    kinds = [(piece.kind, piece.text) for piece in by_words("one.\n\ntwo", "uno.\n\ndos")]
    assert ("same", ".\n\n") in kinds


def test_lines_stand_beside_their_partners_and_far_ones_are_folded() -> None:
    before = [f"line {number}" for number in range(1, 21)]
    after = [*before[:9], "line ten", *before[10:]]
    rows = by_lines("\n".join(before), "\n".join(after)).rows
    changed = next(row for row in rows if not row.is_same)
    assert (changed.old_line, changed.new_line) == (10, 10)
    assert changed.old == (Piece("line "), Piece("10", "del"))
    assert [row.lines for row in rows if row.folded] == [6, 7]
    assert sum(row.lines for row in rows) == 20


def test_lines_that_only_one_text_has_face_nothing() -> None:
    rows = by_lines("a\nb", "a\nb\nc\nd").rows
    assert rows[-1].old is None
    assert rows[-1].new == (Piece("c\nd", "ins"),)
    assert by_lines("a\nb\nc", "a").rows[-1].new is None


def test_many_changed_lines_are_one_row() -> None:
    old = "\n".join(f"old {number}" for number in range(MOST_PAIRS + 1))
    new = "\n".join(f"new {number}" for number in range(MOST_PAIRS + 1))
    assert len(by_lines(old, new).rows) == 1


@pytest.mark.parametrize(
    ("old", "new", "share"), [("", "", 1.0), ("same", "same", 1.0), ("one", "two", 0.0)]
)
def test_how_much_is_shared(old: str, new: str, share: float) -> None:
    assert shared(by_words(old, new)) == share


def test_marks_are_words_too_and_nothing_of_the_text_is_markup() -> None:
    evil = "<script>alert(1)</script>"
    for old, new in (("x", evil), (evil, "x"), (evil, evil)):
        html = str(marked(by_words(old, new)))
        assert "<script>" not in html
        assert "&lt;" in html
    html = str(marked(by_words("old", "new")))
    assert all(words in html for words in ("<del>", "removed: ", "<ins>", "added: "))
