"""The validator that keeps keys and passwords out of a text."""

from collections import Counter

from django import forms

from automations.redaction import find_secrets
from automations.validators.base import Subject, Validator, Verdict


class NoSecretsForm(forms.Form):
    """Nothing to set."""


class NoSecrets(Validator):
    """Proves that nothing in the text has the shape of a known kind of key.

    A password in plain words has no shape and goes unseen. The message never shows the secret.
    """

    kind = "no_secrets"
    label = "No secrets"
    help = "Nothing in the text looks like an API key, a token, a private key or a password."
    directions = frozenset({"input", "output"})
    settings_form = NoSecretsForm

    def check(self, subject: Subject) -> Verdict:
        secrets = find_secrets(subject.text)
        if not secrets:
            return Verdict(passed=True, message="nothing looks like a secret", code="ok")
        kinds = Counter(kind for _, kind in secrets)
        told = ", ".join(kind if n == 1 else f"{kind} ({n} times)" for kind, n in kinds.items())
        where = f"the first one begins at character {secrets[0][0] + 1:,}"
        message = f"{len(secrets)} that look like secrets; 0 allowed: {told}; {where}"
        return Verdict(passed=False, message=message, code="secret_found")
