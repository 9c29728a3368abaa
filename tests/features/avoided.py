"""What every sentence that people read must keep."""

from __future__ import annotations

import re

from features.words import AVOIDED


def assert_plain(sentence: str) -> None:
    """Check what every sentence people read must keep: no avoided word, no NaN, one full stop."""
    assert not AVOIDED.search(sentence), sentence
    assert not re.search(r"\b(nan|inf|none|null|true|false)\b", sentence, re.IGNORECASE), sentence
    assert not re.search(r"\b1 (jours|faits|rendez-vous honorés)\b", sentence), sentence
    assert not re.search(r"(?<!\d)1 [a-zé]+ \d{4}", sentence), sentence  # "1 mars" is "1er mars"
    assert sentence[0].isupper() or sentence[0].isdigit(), sentence
    assert sentence.endswith(".") and "  " not in sentence and "|" not in sentence, sentence
