"""An interval drawn on a scale of 0 to 100 per cent: plain numbers for a server-made SVG."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.reviews import Approval

MARK = 12  # its width


@dataclass(frozen=True, slots=True)
class Drawn:
    """A share, its interval and the target, as x on a width of 1,000; None where there is none."""

    approval: Approval
    target: int
    share: float | None
    low: float
    high: float

    @property
    def target_x(self) -> float:
        return self.target * 10.0

    @property
    def mark_x(self) -> float:
        """Where the mark of the share begins, so that it stays on the scale."""
        return min(max((self.share or 0) - MARK / 2, 0), 1000 - MARK)

    @property
    def width(self) -> float:
        return round(self.high - self.low, 1)

    @property
    def tone(self) -> str:
        """How the share stands to the target: a CSS class."""
        return "ok" if self.share is not None and self.share >= self.target_x else "warn"


def drawn(approval: Approval, *, target: int) -> Drawn:
    """Lay out an approval and its interval beside a target in per cent."""
    if approval.share is None or approval.interval is None:
        return Drawn(approval, target, None, 0, 0)
    low, high = approval.interval
    return Drawn(
        approval, target, round(approval.share * 1000, 1), round(low * 1000, 1), round(high * 1000)
    )
