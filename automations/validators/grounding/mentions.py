"""Numbers as texts write them: digits of several locales, scales, units, words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from automations.validators.grounding.number_words import worded_numbers
from automations.validators.grounding.tables import (
    CURRENCIES,
    DEFINITE,
    FRACTIONS,
    HALVES,
    OWN_PARTS,
    PERCENT,
    ROUGHLY,
    SCALES,
    UNITS,
)

_MARKER = re.compile(r"^[ \t]*(?:[-*•#>]+[ \t]*)?(?:\d{1,2}[.)]|#?\d{1,2}/\d{1,2})[ \t]+", re.M)
_DECADE = re.compile(r"(?<![\w.,])'?((?:1[5-9]|20)?\d0)(?:'?s|er)\b")
_NUMBER = re.compile(
    r"(?=[\dEUGCIRk.])(?<![\w.,])(?P<prefix>EUR|USD|GBP|CHF|INR|Rs|kr|R\$)?"
    r"(?P<digits>\d{1,3}(?:[ '٬]\d{3}(?!\d))+(?:[.,]\d{1,9}(?!\d))?|\d+(?:[.,]\d+)*|(?<=\s)\.\d+)"
    r"(?P<fraction> ?[1-9]/[1-9]\d?(?![\d/]))?"
    r"(?P<rest>(?:-(?=[^\W\d])|[ \t]?)(?P<after>[^\W\d_]+|[%‰€$£°])?)"
)
_CODE = re.compile(r"(?<![\w.,])(?=[A-Za-z]{1,12}[-_/.]?\d)[A-Za-z]+[-_/.]?\d\w*(?:[-_/.]\w+)*")
_NEXT = re.compile(r"[ \t-]?([^\W\d_]+|[%‰€$£])")
_ATTACHED_SCALES = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9}
_YEARS = re.compile(r"(?<![\w.,-])((?:1[5-9]|20)\d\d)-(\d\d)(?![\w-]|[.,]\d)")
# Between two numbers that share the unit behind the second: from 18 to 7 percent.
_JOINT = re.compile(
    r" ?(?:to|and|or|against|from|instead of|rather than|up to|bis|auf|und|oder|statt"
    r"|à|et|ou|contre|a|y|o|e|en|of|tot|naar|contra|-|/|,) ?(?:about |rund |nur )?[€$£]?",
    re.IGNORECASE,
)
_OUT_OF = re.compile(r" (?:in|of|out of|von|sur|de|su|em|op|van) (?:every |each |je )?", re.I)
_TRADE = frozenset("2D 3D 3G 4G 5G 6G 4K 8K".split())
_ORDINAL_ENDINGS = frozenset("st nd rd th er e ème º ª".split())


@dataclass(frozen=True, slots=True)
class Number:
    """A number with every value it can mean, and the step to which it is exact.

    `unit` is percent, money, a dimension (time, length ...) or empty; `size` is the unit's size in
    its dimension. `of_next` tells that it is a share of the number behind it (3 in 10).
    """

    text: str
    values: tuple[tuple[float, float], ...]
    start: int
    end: int
    unit: str = ""
    size: float = 1.0
    roughly: bool = False
    in_words: bool = False
    own: bool = False
    definite: bool = False
    trailing_zeros: int = 0
    parts: tuple[float, ...] = ()
    of_next: bool = False

    @property
    def value(self) -> float:
        """Return the likeliest value."""
        return self.values[0][0]


def numbers_in(text: str, language: str) -> list[Number]:
    """Return the numbers of a text from which dates, times and addresses have been taken out."""
    text = _YEARS.sub(lambda found: f"{found[1]} - {found[1][:2]}{found[2]}", text)
    text = _MARKER.sub(" ", text)
    found = [_number(match, text) for match in _NUMBER.finditer(text) if _is_number(match)]
    found += worded(text, language)
    found += [_decade_number(match) for match in _DECADE.finditer(text)]
    return _joined(sorted(found, key=lambda number: number.start), text)


def _joined(numbers: list[Number], text: str) -> list[Number]:
    """Give numbers what the next one tells about them: its unit, or that they are a share of it."""
    for place in range(len(numbers) - 2, -1, -1):
        number, following = numbers[place], numbers[place + 1]
        between = text[number.end : following.start]
        if _OUT_OF.fullmatch(between):
            numbers[place] = replace(number, of_next=True)
        elif not number.unit and following.unit and _JOINT.fullmatch(between):
            numbers[place] = replace(number, unit=following.unit, size=following.size)
    return numbers


def codes_in(text: str) -> dict[str, str]:
    """Return tokens of letters and digits, such as TR-12, by a key for comparison."""
    return {re.sub(r"[-_/.]", "", m[0]).casefold(): m[0] for m in _CODE.finditer(text)}


def worded(text: str, language: str) -> Iterator[Number]:
    """Yield the numbers that a text writes in words."""
    for start, end, value in worded_numbers(text, language):
        yield _spoken(text, start, end, value)


def _spoken(text: str, start: int, end: int, value: float) -> Number:
    step, after = 0.0, word_after(text, end)
    if half := HALVES.match(text, end):
        value, end = value + 0.5, half.end()
        after = word_after(text, end)
    elif after in FRACTIONS:  # three fifths
        value, step, after = value / FRACTIONS[after] * 100, 1.0, "percent"
    elif after in SCALES:
        value, step, end = value * SCALES[after], SCALES[after], end + len(after) + 1
        after = word_after(text, end)
    before = words_before(text, start)
    unit, size = unit_of(after)
    return Number(
        text=text[start:end],
        values=((value, step),),
        start=start,
        end=end,
        unit=unit,
        size=size,
        roughly=bool(ROUGHLY & before),
        in_words=True,
        own=after in OWN_PARTS,
        definite=bool(DEFINITE & before) and value <= 10,
    )


def _is_number(match: re.Match[str]) -> bool:
    """Leave out decades, and digits that letters make a code: 5G, 3D."""
    if match["digits"] + match["rest"] in _TRADE:
        return False
    after, attached = (match["after"] or "").lower(), not match["rest"].startswith((" ", "\t", "-"))
    if not after or not attached or not after[0].isalpha():
        return True
    if after in ("s", "er") and match["digits"].endswith("0"):
        return after == "s" and len(match["digits"]) not in (2, 4)
    known = after in _ATTACHED_SCALES or after in SCALES or after in UNITS
    return known or after in _ORDINAL_ENDINGS or len(re.sub(r"\D", "", match["digits"])) >= 3


def _number(match: re.Match[str], text: str) -> Number:
    digits, after = match["digits"], (match["after"] or "").lower()
    attached = match["rest"][:1] not in (" ", "\t")
    scale = SCALES.get(after, _ATTACHED_SCALES.get(after, 1.0) if attached else 1.0)
    if not attached and after in ("m", "mn", "bn"):
        scale = _ATTACHED_SCALES[after]
    scale, unit_word = _second_scale(scale, after, text, match.end())
    unit, size = unit_of(unit_word)
    before = words_before(text, match.start())
    if match["prefix"] or (not unit and _is_money(text, match.start())):
        unit, size = "money", 1.0
    known = scale > 1 or unit_of(after)[0] or after in _ORDINAL_ENDINGS
    end = match.end() if known else match.start("rest")
    return Number(
        text=text[match.start() : end].strip(),
        values=tuple(_values(digits, match["fraction"], scale, after)),
        start=match.start(),
        end=end,
        unit=unit,
        size=size,
        roughly=bool(ROUGHLY & before),
        own=unit_word in OWN_PARTS and len(digits) <= 2,
        trailing_zeros=len(digits) - len(digits.rstrip("0.,' ")) - _separators(digits),
        parts=_parts(digits, match["fraction"]),
    )


def _is_money(text: str, start: int) -> bool:
    before = text[max(0, start - 8) : start].lower().split()
    return bool(before) and (before[-1] in CURRENCIES or before[-1][-1] in "€$£¥₹")


def _second_scale(scale: float, after: str, text: str, end: int) -> tuple[float, str]:
    """Return the whole scale (`2 mil millones`) and the word that may be a unit."""
    if after not in SCALES:
        return scale, after
    following = word_after(text, end)
    if following in SCALES:
        return scale * SCALES[following], word_after(text, end + len(following) + 1)
    return scale, following


def _values(
    digits: str, fraction: str | None, scale: float, after: str
) -> Iterator[tuple[float, float]]:
    added = _share(fraction) if fraction else 0.0
    for text, decimals in readings_of(digits):
        step = 0.0 if fraction else 10.0**-decimals
        value = float(text) + added
        yield value * scale, step * scale
        if after == "m" and scale > 1:  # metres
            yield value, step


def readings_of(digits: str) -> list[tuple[str, int]]:
    """Return each way to read digits with separators, as a decimal text and its decimals."""
    plain = re.sub(r"[ '٬]", "", digits)
    marks = [mark for mark in plain if mark in ".,"]
    if not marks:
        return [(plain, 0)]
    whole = re.sub(r"[.,]", "", plain)
    head, _, tail = plain.replace(",", ".").rpartition(".")
    decimal = (f"{head.replace('.', '')}.{tail}", len(tail))
    if len(set(marks)) == 2 or (len(marks) == 1 and len(tail) != 3):
        return [decimal]
    if len(marks) == 1 and len(head) <= 3 and head.strip("0"):  # 1.234: either
        return [(whole, 0), decimal]
    return [(whole, 0)] if len(marks) > 1 else [decimal]


def _share(fraction: str) -> float:
    over, _, under = fraction.strip().partition("/")
    return int(over) / int(under)


def _separators(digits: str) -> int:
    tail = digits[len(digits.rstrip("0.,' ")) :]
    return sum(mark in ".,' " for mark in tail)


def _parts(digits: str, fraction: str | None) -> tuple[float, ...]:
    """Return what the pieces say by themselves: `5 200 people` may be room 5 and 200 people."""
    if fraction:
        return (
            float(fraction.strip().partition("/")[0]),
            *(float(d) for d, _ in readings_of(digits)),
        )
    pieces = re.split(r"[ ']", digits)
    return tuple(float(re.sub(r"[.,]", "", piece)) for piece in pieces) if pieces[1:] else ()


def _decade_number(match: re.Match[str]) -> Number:
    value = float(match[1])
    value += 1900 if value < 100 else 0
    start, end = match.span()
    return Number(match[0], ((value, 0.0), (value + 100, 0.0)), start, end, unit="decade")


def unit_of(word: str) -> tuple[str, float]:
    """Return a word's dimension and size: (`length`, 1000.0) for km."""
    if word in ("%", "‰") or word in PERCENT or word == "per":
        return "percent", 1.0
    if word in CURRENCIES:
        return "money", 1.0
    return UNITS.get(word, ("", 1.0))


def word_after(text: str, end: int) -> str:
    """Return the word behind a place in the text, in lower case."""
    match = _NEXT.match(text, end)
    return match[1].lower() if match else ""


def words_before(text: str, start: int) -> frozenset[str]:
    """Return the three words before a place in the text, in lower case."""
    words = text[max(0, start - 30) : start].lower().split()[-3:]
    return frozenset(word.strip("(,;:“\"'€$£") for word in words)
