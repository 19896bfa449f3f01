"""What this floor tells those above: something was recorded, runs have ended.

Both are sent inside the transaction of what they tell of, so a receiver may write but not call out.
"""

from django.dispatch import Signal

# sender: the subject's class; subject: the row; event: its AuditEvent, None where nobody did it
recorded = Signal()
runs_finished = Signal()  # sender: Run; slugs: the automations' slugs, sorted, each once
