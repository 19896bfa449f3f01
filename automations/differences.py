"""What differs between two texts: line by line, and word by word inside what changed.

Myers' greedy algorithm on a budget of steps, so that no text, however made, costs more than the
budget; what is left when it is spent is shown as replaced as a whole.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

SAME, ADDED, REMOVED = "same", "ins", "del"
STEPS = 300_000  # some 0.2 s
CONTEXT = 3
LONGEST_ISLAND = 3
MOST_PAIRS = 200

_CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+|\s+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: `same`, `ins` (only in the new one) or `del` (only in the old one)."""

    text: str
    kind: str = SAME


@dataclass(frozen=True, slots=True)
class Row:
    """Whole lines of both texts that belong together; None: that text has none here.

    `folded` marks unchanged lines far from any change.
    """

    old: tuple[Piece, ...] | None
    new: tuple[Piece, ...] | None
    is_same: bool
    old_line: int = 0
    new_line: int = 0
    lines: int = 1
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two texts side by side; `is_coarse`: too long or too different to mark words everywhere."""

    rows: tuple[Row, ...]
    is_coarse: bool

    @property
    def is_same(self) -> bool:
        return all(row.is_same for row in self.rows)


@dataclass(slots=True)
class Budget:
    """How many steps are left; one may be shared by all the texts of a page."""

    steps: int = STEPS
    was_spent: bool = False


@dataclass(frozen=True, slots=True)
class _Op:
    """A stretch of both texts: equal in both, or replaced."""

    kind: str
    old_start: int
    old_end: int
    new_start: int
    new_end: int

    @property
    def same(self) -> bool:
        return self.kind == "equal"


def by_words(old: str, new: str, *, budget: Budget | None = None) -> tuple[Piece, ...]:
    """Return one text that holds both, word by word; at most `budget` steps of work.

    `same` and `del` pieces joined are the old text, `same` and `ins` pieces the new one.
    """
    pieces: list[Piece] = []
    for op in _word_ops(old, new, budget or Budget()):
        if op.same:
            pieces.append(Piece(old[op.old_start : op.old_end]))
            continue
        pieces.append(Piece(old[op.old_start : op.old_end], REMOVED))
        pieces.append(Piece(new[op.new_start : op.new_end], ADDED))
    return tuple(piece for piece in pieces if piece.text)


def by_lines(old: str, new: str, *, budget: Budget | None = None) -> Comparison:
    """Return both texts side by side, with words marked inside the lines that changed.

    Lines end at "\\n"; the rows' old (new) lines joined are the old (new) text.
    """
    budget = budget or Budget()
    before, after = old.split("\n"), new.split("\n")
    rows: list[Row] = []
    for op in _ops(before, after, budget):
        olds, news = before[op.old_start : op.old_end], after[op.new_start : op.new_end]
        at = op.old_start + 1, op.new_start + 1
        rows += _same_rows(olds, *at) if op.same else _changed_rows(olds, news, *at, budget)
    return Comparison(_folded(rows), budget.was_spent)


def shared(pieces: Sequence[Piece]) -> float:
    """Return which share (0 to 1) of the longer text both have in common; 1 for two empty ones."""
    same, old, new = (
        sum(len(piece.text) for piece in pieces if piece.kind == kind)
        for kind in (SAME, REMOVED, ADDED)
    )
    longer = same + max(old, new)
    return same / longer if longer else 1.0


def _same_rows(lines: Sequence[str], old_line: int, new_line: int) -> Iterator[Row]:
    for at, line in enumerate(lines):
        pieces = (Piece(line),)
        yield Row(pieces, pieces, is_same=True, old_line=old_line + at, new_line=new_line + at)


def _changed_rows(
    olds: Sequence[str], news: Sequence[str], old_line: int, new_line: int, budget: Budget
) -> Iterator[Row]:
    """Yield a row per pair of lines where both have as many (and few), else one row for all."""
    if len(olds) == len(news) <= MOST_PAIRS:
        for at, (old, new) in enumerate(zip(olds, news, strict=True)):
            yield _changed(old, new, old_line + at, new_line + at, budget)
        return
    old, new = "\n".join(olds), "\n".join(news)
    if olds and news:
        yield _changed(old, new, old_line, new_line, budget)
    elif olds:
        yield Row((Piece(old, REMOVED),), None, is_same=False, old_line=old_line)
    else:
        yield Row(None, (Piece(new, ADDED),), is_same=False, new_line=new_line)


def _changed(old: str, new: str, old_line: int, new_line: int, budget: Budget) -> Row:
    pieces = by_words(old, new, budget=budget)
    return Row(
        tuple(piece for piece in pieces if piece.kind != ADDED),
        tuple(piece for piece in pieces if piece.kind != REMOVED),
        is_same=False,
        old_line=old_line,
        new_line=new_line,
    )


def _folded(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Join the unchanged lines further than three from a change into rows that are folded."""
    near: set[int] = set()
    for at, row in enumerate(rows):
        if not row.is_same:
            near.update(range(at - CONTEXT, at + CONTEXT + 1))
    found: list[Row] = []
    at = 0
    while at < len(rows):
        end = at
        while end < len(rows) and end not in near:
            end += 1
        if end - at > 1:
            found.append(_joined(rows[at:end]))
            at = end
        else:
            found.append(rows[at])
            at += 1
    return tuple(found)


def _joined(rows: Sequence[Row]) -> Row:
    text = "\n".join(row.old[0].text for row in rows if row.old)
    pieces = (Piece(text),)
    first = rows[0]
    return Row(
        pieces, pieces, is_same=True, old_line=first.old_line, new_line=first.new_line,
        lines=len(rows), folded=True,
    )  # fmt: skip


def _word_ops(old: str, new: str, budget: Budget) -> list[_Op]:
    """Return the differences in characters, with small islands between changes joined to them."""
    olds, news = _WORD.findall(old), _WORD.findall(new)
    old_at = [0, *accumulate(map(len, olds))]
    new_at = [0, *accumulate(map(len, news))]
    joined: list[_Op] = []
    for op in _ops(olds, news, budget):
        joined.append(
            _Op(op.kind, old_at[op.old_start], old_at[op.old_end], new_at[op.new_start],
                new_at[op.new_end])
        )  # fmt: skip
        while len(joined) > 2 and _is_island(old, *joined[-3:]):
            first, _, last = joined[-3:]
            joined[-3:] = [
                _Op("replace", first.old_start, last.old_end, first.new_start, last.new_end)
            ]
    return joined


def _is_island(old: str, before: _Op, op: _Op, after: _Op) -> bool:
    """Tell whether equal characters between two changes are too few to help a reader."""
    size = op.old_end - op.old_start
    if not op.same or after.same or size > LONGEST_ISLAND:
        return False
    ends_line = "\n" in old[op.old_start : op.old_end]
    return not ends_line and size <= min(_size(before), _size(after))


def _size(op: _Op) -> int:
    return max(op.old_end - op.old_start, op.new_end - op.new_start)


def _ops(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[_Op]:
    """Return equal and replaced stretches by turns that cover both sequences."""
    shorter = min(len(old), len(new))
    start = _common(old, new, shorter)
    end = _common(old[::-1], new[::-1], shorter - start)
    stop_old, stop_new = len(old) - end, len(new) - end
    matched = _matches(old[start:stop_old], new[start:stop_new], budget)
    runs = [(0, 0, start), *((start + i, start + j, size) for i, j, size in matched)]
    ops: list[_Op] = []
    i = j = 0
    for at_old, at_new, size in [*runs, (stop_old, stop_new, end)]:
        if at_old > i or at_new > j:
            ops.append(_Op("replace", i, at_old, j, at_new))
        i, j = at_old + size, at_new + size
        if size and ops and ops[-1].same:
            ops[-1] = _Op("equal", ops[-1].old_start, i, ops[-1].new_start, j)
        elif size:
            ops.append(_Op("equal", at_old, i, at_new, j))
    return ops


def _common(old: Sequence[str], new: Sequence[str], most: int) -> int:
    return next((at for at in range(most) if old[at] != new[at]), most)


def _matches(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[tuple[int, int, int]]:
    """Return (start in old, start in new, length) of what a shortest edit script leaves alone."""
    if not old or not new:
        return []
    ids: dict[str, int] = {}
    first = [ids.setdefault(item, len(ids)) for item in old]
    second = [ids.setdefault(item, len(ids)) for item in new]
    levels = _levels(first, second, budget)
    return _walk_back(levels, len(old), len(new)) if levels else []


def _levels(old: list[int], new: list[int], budget: Budget) -> list[array[int]]:
    """Return, per number of edits, how far each diagonal gets; empty if the budget was spent.

    Entry `n` of level `d` is the furthest place in `old` on diagonal `2n - d`; -1: none.
    """
    size_old, size_new = len(old), len(new)
    levels: list[array[int]] = []
    while True:
        edits = len(levels)
        level = array("i", bytes(4 * (edits + 1)))
        for n in range(edits + 1):
            x = _start(levels, edits, n, size_old, size_new)
            begun, y = x, x - (2 * n - edits)
            while 0 <= x < size_old and y < size_new and old[x] == new[y]:
                x, y = x + 1, y + 1
            budget.steps -= 1 + x - begun
            level[n] = x
            if x == size_old and y == size_new:
                return [*levels, level]
            if budget.steps < 0:
                budget.was_spent = True
                return []
        levels.append(level)


def _start(levels: list[array[int]], edits: int, n: int, size_old: int, size_new: int) -> int:
    """Return where a diagonal is entered after so many edits, before what is equal; -1: nowhere."""
    if not edits:
        return 0
    previous, diagonal = levels[edits - 1], 2 * n - edits
    down = previous[n] if n < edits else -1
    right = previous[n - 1] if n else -1
    if down >= 0 and down - diagonal > size_new:
        down = -1
    right = right + 1 if 0 <= right < size_old else -1
    return max(down, right)


def _walk_back(
    levels: list[array[int]], size_old: int, size_new: int
) -> list[tuple[int, int, int]]:
    """Return the equal stretches on the way that reached the end."""
    found: list[tuple[int, int, int]] = []
    x, diagonal = size_old, size_old - size_new
    for edits in range(len(levels) - 1, -1, -1):
        n = (diagonal + edits) // 2
        begun = _start(levels, edits, n, size_old, size_new)
        if x > begun:
            found.append((begun, begun - diagonal, x - begun))
        if not edits:
            break
        came_down = n < edits and levels[edits - 1][n] == begun
        x = begun if came_down else begun - 1
        diagonal += 1 if came_down else -1
    return found[::-1]
