"""Who may open a page, and how the outcome of an action is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase

from automations.errors import AutomationsError, NotAllowed
from automations.text import clean_text

Result = TypeVar("Result")
View = Callable[..., Any]


def known_to(right: str) -> Callable[[View], View]:
    """Open a page to who has the right; for everybody else who signed in it does not exist."""

    def guarded(view: View) -> View:
        @login_required
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(right):
                raise Http404
            answer: HttpResponseBase = view(request, *args, **kwargs)
            return answer

        return checked

    return guarded


def tell(
    request: HttpRequest, verb: Callable[[], Result], done: str | Callable[[Result], str]
) -> Result | None:
    """Do it and say so, or say in one message why it cannot be done; None then.

    `done` is what is said of it, or makes that from what the verb has returned.

    Raises:
        NotAllowed: answered with the 403 page.
    """
    try:
        result = verb()
    except ValidationError as error:
        messages.error(request, sentences(error))
        return None
    except NotAllowed:
        raise
    except AutomationsError as error:
        messages.error(request, str(error))
        return None
    messages.success(request, done(result) if callable(done) else done)
    return result


def sentences(error: ValidationError) -> str:
    """Return a validation error as one text, each sentence after the name of its field."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    parts = []
    for name, problems in error.message_dict.items():
        label = "" if name == NON_FIELD_ERRORS else f"{name.replace('_', ' ').capitalize()}: "
        parts += [f"{label}{problem}" for problem in problems]
    return clean_text(" ".join(parts)).text
