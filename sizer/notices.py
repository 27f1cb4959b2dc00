"""Something a reader should know that does not stop the work: a stable code and one sentence."""

from __future__ import annotations

from sizer.values import frozen

__all__ = ["Notice"]


@frozen
class Notice:
    """A warning in a report."""

    code: str
    """Stable dotted name for scripts, for example `config.expert_count`."""
    message: str
    """One sentence: what was found, and which value was used."""
