"""Acts that somebody answers for carry a reason in their own words."""

from __future__ import annotations

from features.errors import RebondError


class ReasonMissing(RebondError):
    """The act needs a reason, and none was written."""


def check_reason(reason: str) -> str:
    """Return the reason without surrounding blanks.

    Raises
    ------
    ReasonMissing
        No letter or digit is in it.
    """
    stripped = reason.strip()
    if not any(character.isalnum() for character in stripped):
        raise ReasonMissing("a reason is needed; write one sentence.")
    return stripped
