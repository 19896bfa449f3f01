"""How readers word what is wrong with a document; used in the child process."""

from automations.errors import Problem


def broken(name: str, kind: str, detail: str = "") -> Problem:
    """Word a file that its reader cannot make sense of."""
    why = f" ({detail})" if detail else ""
    return Problem(
        f"{name} is not a whole {kind} file{why}; save it again, or give its text.",
        category="source_error",
        code="broken_file",
    )


def suspicious(name: str, what: str) -> Problem:
    """Word a file that is built to harm, or looks like it."""
    return Problem(
        f"{name} {what}, so it was not read; save it again from the program it came from.",
        category="source_error",
        code="suspicious_file",
    )


def too_large(name: str, what: str) -> Problem:
    """Word a file that has too much in it."""
    return Problem(
        f"{name} {what}, so split it.",
        category="source_error",
        code="too_large",
    )


def without_text(name: str, why: str) -> Problem:
    """Word a file in which there is nothing to read."""
    return Problem(f"{name} {why}.", category="source_error", code="no_text")


def locked(name: str) -> Problem:
    """Word a file that has a password."""
    return Problem(
        f"{name} has a password; save it without one.",
        category="source_error",
        code="password_protected",
    )
