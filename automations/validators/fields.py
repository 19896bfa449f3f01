"""Form fields that settings of validators share."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from automations.text import clean_text, one_line


class LinesField(forms.CharField):
    """A list of texts, typed one per line and stored as a list; blank lines and doubles go."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, *, max_lines: int, max_line_length: int, **options: Any) -> None:
        super().__init__(strip=False, **options)
        self.max_lines = max_lines
        self.max_line_length = max_line_length

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list as lines."""
        return "\n".join(map(str, value)) if isinstance(value, (list, tuple)) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lines."""
        return super().has_changed(self.prepare_value(initial), self.prepare_value(data))

    def clean(self, value: Any) -> Any:
        """Return the lines as a list. Raises `ValidationError` with a sentence."""
        if isinstance(value, (list, tuple)) and not all(isinstance(item, str) for item in value):
            raise ValidationError("Give a list of texts, or one text per line.")
        text = clean_text(super().clean(self.prepare_value(value))).text
        lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
        if self.required and not lines:
            raise ValidationError(self.error_messages["required"], code="required")
        self._refuse_too_much(lines)
        return lines

    def _refuse_too_much(self, lines: list[str]) -> None:
        if len(lines) > self.max_lines:
            raise ValidationError(f"{len(lines):,} lines; at most {self.max_lines:,} are allowed.")
        for line in lines:
            if len(line) > self.max_line_length:
                raise ValidationError(
                    f"“{one_line(line, limit=40)}” has {len(line):,} characters; "
                    f"at most {self.max_line_length:,} are allowed."
                )


def shown(text: str) -> str:
    """Return a passage in quotation marks, fit for a sentence."""
    return f"“{one_line(text, limit=80)}”"


def listed(passages: list[str] | tuple[str, ...], *, limit: int = 3) -> str:
    """Return the first passages in quotation marks, and how many more there are."""
    rest = len(passages) - limit
    told = ", ".join(shown(passage) for passage in passages[:limit])
    return f"{told} and {rest} more" if rest > 0 else told
