"""HTML to text: what a reader of the page would see, tables and lists in their places."""

from __future__ import annotations

import re

from automations.documents import problems

_BLANK_LINES = re.compile(r"\n{3,}")
_DECLARATION = re.compile(r"^\s*<\?xml[^>]{0,200}\?>")
_TAG = re.compile(r"<[a-zA-Z!/]")


def text_of_html(name: str, text: str) -> str:
    """Return the text of a page; scripts, styles and the head are left out.

    Raises `Problem` (source_error): broken_file, no_text.
    """
    from inscriptis import get_text  # noqa: PLC0415  each format loads its own library

    try:
        # lxml refuses text that names an encoding of its own.
        plain = get_text(_DECLARATION.sub("", text))
    except (ValueError, SyntaxError, RecursionError) as error:
        raise problems.broken(name, "HTML") from error
    tidy = _tidy(plain)
    if not tidy and text.strip():
        raise problems.without_text(name, "shows no text; it may be made by a script")
    return tidy


def plain_of(fragment: str) -> str:
    """Return a fragment of HTML as text, and what is no HTML as it is."""
    if not _TAG.search(fragment) and "&" not in fragment:
        return fragment.strip()
    from inscriptis import get_text  # noqa: PLC0415

    return _tidy(get_text(f"<div>{fragment}</div>"))


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()
