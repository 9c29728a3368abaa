"""The left column of the words that are not written about people, as patterns."""

from __future__ import annotations

import re

_AVOIDED = (
    r"cas", r"dossiers? à risque", r"profils? à risque", r"individus?", r"risques?",
    r"scores?", r"alertes?", r"suspecte?s?", r"fichée?s?", r"prises? en charge",
    r"problèmes?", r"perdue?s? de vue", r"absentéistes?", r"ne collabore pas",
    r"non compliante?s?", r"refuse", r"dans le déni", r"incasables?", r"cas lourds?",
    r"SDF", r"toxicomanes?", r"assistée?s?", r"handicapée?s?", r"faux positifs?",
    r"vrais? positifs?", r"décrochages?", r"échecs?", r"abandons?",
)  # fmt: skip
AVOIDED = re.compile(rf"\b({'|'.join(_AVOIDED)})\b", re.IGNORECASE)


def assert_plain(sentence: str) -> None:
    """Check what every sentence people read must keep: no avoided word, no NaN, one full stop."""
    assert not AVOIDED.search(sentence), sentence
    assert not re.search(r"\b(nan|inf|none|null|true|false)\b", sentence, re.IGNORECASE), sentence
    assert not re.search(r"\b1 (jours|faits|rendez-vous honorés)\b", sentence), sentence
    assert not re.search(r"(?<!\d)1 [a-zé]+ \d{4}", sentence), sentence  # "1 mars" is "1er mars"
    assert sentence[0].isupper() or sentence[0].isdigit(), sentence
    assert sentence.endswith(".") and "  " not in sentence and "|" not in sentence, sentence
