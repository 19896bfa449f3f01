"""Template filters that mark what differs, by more than colour: <ins>, <del> and hidden words."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from automations.differences import Piece

register = template.Library()

WORDS = {"ins": "added: ", "del": "removed: "}


@register.filter
def marked(pieces: Iterable[Piece]) -> SafeString:
    """Render pieces of a text, what is only in one of both marked; everything is escaped."""
    return format_html_join("", "{}", ((_rendered(piece),) for piece in pieces))


def _rendered(piece: Piece) -> SafeString:
    if piece.kind not in WORDS:
        return format_html("{}", piece.text)
    hidden = '<span class="visually-hidden">{}</span>'
    before, after = format_html(hidden, f"[{WORDS[piece.kind]}"), format_html(hidden, "]")
    tag = SafeString(piece.kind)
    return format_html("<{}>{}{}{}</{}>", tag, before, piece.text, after, tag)
