"""The emoji validator: counts what a reader sees as one emoji as one."""

import re
from itertools import islice

from django import forms

from automations.validators.base import Subject, Validator, Verdict

# Characters that are emoji by themselves (Emoji_Presentation of Unicode 16; beyond U+1F000 also
# the pictographs that most fonts draw in colour). Others become emoji by U+FE0F behind them.
_ALONE = (
    "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1"
    "\u26aa\u26ab\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705"
    "\u270a\u270b\u2728\u274c\u274e\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50"
    "\u2b55\U0001f004\U0001f0cf\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f21a\U0001f22f"
    "\U0001f232-\U0001f236\U0001f238-\U0001f23a\U0001f250\U0001f251\U0001f300-\U0001f53d"
    "\U0001f549-\U0001f54e\U0001f550-\U0001f567\U0001f56f\U0001f570\U0001f573-\U0001f57a"
    "\U0001f587\U0001f58a-\U0001f58d\U0001f590\U0001f595\U0001f596\U0001f5a4\U0001f5a5\U0001f5a8"
    "\U0001f5b1\U0001f5b2\U0001f5bc\U0001f5c2-\U0001f5c4\U0001f5d1-\U0001f5d3\U0001f5dc-\U0001f5de"
    "\U0001f5e1\U0001f5e3\U0001f5e8\U0001f5ef\U0001f5f3\U0001f5fa-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f7e0-\U0001f7eb\U0001f7f0\U0001f90c-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001f9ff\U0001fa70-\U0001faff"
)
_BY_SELECTOR = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u2bff\u3030\u303d\u3297\u3299\U0001f170-\U0001f171"
    "\U0001f17e\U0001f17f\U0001f202\U0001f237"
)
_TAIL = "\ufe0f?[\U0001f3fb-\U0001f3ff]?[\U000e0020-\U000e007f]{0,16}"
_ONE = f"(?:[{_ALONE}](?!\ufe0e){_TAIL}|[{_BY_SELECTOR}]\ufe0f{_TAIL})"
# Joined by a zero-width joiner also those that need no selector there (a heart, a male sign).
_JOINED = f"\u200d[{_ALONE}{_BY_SELECTOR}]{_TAIL}"
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{1,2}}|[0-9#*]\ufe0f?\u20e3|{_ONE}(?:{_JOINED}){{0,8}}"
    f"|[{_BY_SELECTOR}][\U0001f3fb-\U0001f3ff]"
)


class EmojiForm(forms.Form):
    """How many."""

    maximum = forms.IntegerField(
        label="At most",
        min_value=0,
        max_value=10_000,
        help_text="Emoji allowed; a flag, a family or a hand with a skin colour is one.",
    )


class Emoji(Validator):
    """Proves how many emoji the text shows; symbols drawn as text, like → and ★, are none."""

    kind = "emoji"
    label = "Emoji limit"
    help = "The text shows at most so many emoji; arrows and stars drawn as text do not count."
    directions = frozenset({"input", "output"})
    settings_form = EmojiForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"maximum": 2}

    def check(self, subject: Subject) -> Verdict:
        found = [match.group() for match in EMOJI.finditer(subject.text)]
        allowed = self.settings["maximum"]
        message = f"{len(found):,} emoji; at most {allowed:,} allowed"
        if len(found) <= allowed:
            return Verdict(passed=True, message=message, code="ok")
        shown = tuple(islice(dict.fromkeys(found), 20))
        return Verdict(passed=False, message=message, code="too_many_emoji", found=shown)
