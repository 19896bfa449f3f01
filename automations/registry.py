"""An open set of kinds: one small class each, found by name, its settings checked by its form."""

from collections.abc import Iterator, Mapping
from typing import ClassVar, Generic, Protocol, TypeVar

from django import forms
from django.core.exceptions import ValidationError

from automations.errors import UnknownKind
from automations.text import one_line


class Kind(Protocol):
    """What a class needs to stand in a registry."""

    kind: ClassVar[str]
    label: ClassVar[str]
    settings_form: ClassVar[type[forms.Form]]


KindT = TypeVar("KindT", bound=Kind)


class Registry(Generic[KindT]):
    """The classes of one open set, in the order in which people choose from them."""

    def __init__(self, noun: str, *classes: type[KindT]) -> None:
        self.noun = noun
        self._classes = {known.kind: known for known in classes}

    def __iter__(self) -> Iterator[type[KindT]]:
        return iter(self._classes.values())

    def get(self, kind: str) -> type[KindT]:
        """Return the class of a kind. Raises `UnknownKind`, whose message names the known ones."""
        try:
            return self._classes[kind]
        except KeyError:
            shown, known = one_line(kind, limit=40), ", ".join(self._classes)
            raise UnknownKind(f"There is no {self.noun} `{shown}`; choose from {known}.") from None

    def kinds(self) -> list[str]:
        """Return the known kinds."""
        return list(self._classes)

    def choices(self) -> list[tuple[str, str]]:
        """Return (kind, label) pairs for a form's select."""
        return [(known.kind, known.label) for known in self]

    def clean_settings(self, kind: str, settings: object) -> dict[str, object]:
        """Return settings checked and completed by the kind's form, ready to be stored as JSON.

        Raises `django.core.exceptions.ValidationError` with a sentence per fault.
        """
        try:
            form_class = self.get(kind).settings_form
        except UnknownKind as error:
            raise ValidationError(str(error), code="unknown_kind") from error
        return clean_by(form_class, settings)


def clean_by(form_class: type[forms.Form], settings: object) -> dict[str, object]:
    """Return what a form makes of stored settings.

    Raises `ValidationError` with a sentence per fault, unknown names included.
    """
    if not isinstance(settings, Mapping):
        raise ValidationError('Settings are a JSON object, for example {"name": "value"}.')
    form = form_class(data=settings)
    known = list(form.fields)
    faults = [_unknown(name, known) for name in settings if name not in known]
    for name, errors in form.errors.items():
        label = f"{form.fields[name].label or name}: " if name in known else ""
        faults += [f"{label}{error}" for error in errors]
    if faults:
        raise ValidationError(faults)
    return dict(form.cleaned_data)


def _unknown(name: object, known: list[str]) -> str:
    allowed = f"known: {', '.join(known)}" if known else "this kind has none"
    return f"There is no setting `{one_line(str(name), limit=40)}`; {allowed}."
