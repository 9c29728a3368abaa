"""What tells of somebody below eighteen (S34): nothing here is made for minors.

Only what is sure counts: ``15-17`` is below eighteen, ``16-25`` and ``0-35`` need not be.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import date

from features.intake.identifiers import shown, words

ADULT = 18
"""Years; Code civil, article 414."""

_AGE_WORDS = frozenset({"age", "ages"})
_BIRTH_WORDS = frozenset({"ne", "nee"})
_BIRTH_STEMS = ("naiss", "birth", "dob", "ddn", "yob")
_YOUTH_WORDS = frozenset({"jeune", "jeunes", "public", "usager", "personne"})
_OLDEST = 105
"""Years that nobody in a service's care is older than."""

_OTHERS = ("enfant", "mere", "pere", "conjoint", "logement", "anciennete")
_PLACES = frozenset({"lieu", "commune", "ville", "pays", "code", "departement", "place", "country"})
"""What is somebody else's or a thing's age; and where somebody was born, which is no date."""
_YES = frozenset({"oui", "o", "yes", "y", "true", "vrai", "1", "1.0", "x"})
_NO = frozenset({"non", "n", "no", "false", "faux", "0", "0.0"})
_GROWN_WORDS = frozenset({"majeur", "majeure", "majorite", "adulte", "adult"})
_YOUNG_WORDS = frozenset({"mineur", "mineure", "mineurs", "mineures", "minor", "minors", "mna"})
_ADULT_WORDS = frozenset({"non", "pas", "not", "no"})
_NUMBER = r"(\d{1,3})(?:[.,]\d+)?"
_YEARS = r"(?:\s*(?:ans?|years?(?: old)?|y))?"
_MONTHS = r"(?:\s*(?:et\s*)?\d{1,2}\s*(?:mois|months?))?"
_BELOW = re.compile(
    rf"(?:moins de|inferieur a|less than|under|below|<|-(?=\s*\d\d))\s*{_NUMBER}{_YEARS}"
)
_UP_TO = re.compile(rf"(?:jusqu.?a|up to|<=|≤|au plus)\s*{_NUMBER}{_YEARS}")
_RANGE = re.compile(
    rf"(?:entre|between|de)?\s*\[?\(?{_NUMBER}{_YEARS}\s*(?:-|a|to|et|and|,|;|/|_)\s*{_NUMBER}{_YEARS}\s*[])[]?"
)
_ALONE = re.compile(rf"{_NUMBER}(?:{_YEARS}|\s*ans?{_MONTHS})(?:\s*revolus)?")
_IN_MONTHS = re.compile(r"(\d{1,3})\s*(?:mois|months?)")
_TIME = r"(?:[ t]\d{1,2}[:h].*)?"
_BIRTHS = tuple(
    re.compile(pattern + _TIME)
    for pattern in (
        r"(?P<year>\d{4})(?:[.]0)?",
        r"(?P<year>\d{4})[-/. ](?P<month>\d{1,2})",
        r"(?P<month>\d{1,2})[-/. ](?P<year>\d{4})",
        r"(?P<year>\d{4})[-/. ](?P<month>\d{1,2})[-/. ](?P<day>\d{1,2})",
        r"(?P<year>(?:19|20)\d\d)(?P<month>\d\d)(?P<day>\d\d)(?:[.]0)?",
        r"(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ](?P<year>\d{4})",
        r"(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ](?P<short>\d{2})",
        r"(?:(?P<day>\d{1,2})(?:er)? )?(?P<name>[^\W\d_]{3,})[.]? (?P<year>\d{4})",
    )
)
_MONTH_NAMES = (
    ("jan",), ("fev", "feb"), ("mar",), ("avr", "apr"), ("mai", "may"), ("juin", "jun"),
    ("juil", "jul"), ("aou", "aug"), ("sep",), ("oct",), ("nov",), ("dec",),
)  # fmt: skip


def tells_age(name: str) -> bool:
    """Say whether a column or attribute is an age: ``age``, ``tranche_age``, ``ageBand``."""
    return not _AGE_WORDS.isdisjoint(_own_words(name))


def tells_birth(name: str) -> bool:
    """Say whether a column or attribute is a birth date: ``dateNaissance``, ``Né le``, ``dob``."""
    found = _own_words(name)
    if not _PLACES.isdisjoint(found):
        return False
    return any(word in _BIRTH_WORDS or word.startswith(_BIRTH_STEMS) for word in found)


def tells_minor(name: str, value: str) -> bool:
    """Say whether somebody is called a minor: by the value, or by a yes to the question.

    >>> tells_minor("mineur", "oui"), tells_minor("statut", "mineure isolée")
    (True, True)
    >>> tells_minor("enfant_mineur", "oui"), tells_minor("statut", "non mineur")
    (False, False)
    >>> tells_minor("majeur", "non"), tells_minor("public", "jeune mineur")
    (True, True)
    """
    asked, said = _own_words(name), words(value)
    if not (asked and said):
        return False
    answer = shown(value).strip().casefold()
    if not _YOUNG_WORDS.isdisjoint(asked) and answer in _YES:
        return True
    if not _GROWN_WORDS.isdisjoint(asked) and answer in _NO:
        return True
    called = said[1:] if said[0] in _YOUTH_WORDS else said
    return bool(called) and called[0] in _YOUNG_WORDS


def _own_words(name: str) -> Collection[str]:
    """Return the words of a name that is about the person; none where it is about another."""
    found = words(re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", name))
    return () if any(word.startswith(_OTHERS) for word in found) else found


def below_age(value: str, limit: int = ADULT) -> bool:
    """Say whether an age is surely below a limit.

    >>> [below_age(v) for v in ("17", "15-17", "moins de 18 ans", "0-35", "18", "16+")]
    [True, True, True, False, False, False]
    >>> [below_age(v) for v in ("15/17", "-18 ans", "17 ans et 3 mois", "180 mois", "-1")]
    [True, True, True, True, False]
    """
    found = set(words(value))
    if found & _YOUNG_WORDS:
        return not found & _ADULT_WORDS
    plain = " ".join(_unaccented(value).split())
    if match := _BELOW.fullmatch(plain):
        return int(match[1]) <= limit
    if match := _UP_TO.fullmatch(plain) or _ALONE.fullmatch(plain):
        return int(match[1]) < limit
    if match := _RANGE.fullmatch(plain):
        return int(match[2]) < limit
    if match := _IN_MONTHS.fullmatch(plain):
        return int(match[1]) < limit * 12
    return False


def born_too_late(value: str, day: date, limit: int = ADULT) -> bool:
    """Say whether a birth date, month or year makes somebody surely younger than a limit.

    >>> born_too_late("2010-05-03", date(2026, 1, 1)), born_too_late("1990", date(2026, 1, 1))
    (True, False)
    >>> born_too_late("1er mai 2012", date(2026, 1, 1)), born_too_late("01/2008", date(2026, 1, 1))
    (True, False)
    """
    text = " ".join(shown(value).casefold().split())
    for shape in _BIRTHS:
        if found := shape.fullmatch(text):
            said = found.groupdict()
            month = _month(said["name"]) if said.get("name") else int(said.get("month") or 1)
            # Where the day or the month is not said, the first is the earliest it can be.
            born = (month or 1, int(said.get("day") or 1))
            year = int(said["year"]) if said.get("year") else _full_year(said["short"], day)
            return day.year - year - ((day.month, day.day) < born) < limit
    return False


def _full_year(short: str, day: date) -> int:
    """Return the year of two digits: of this century where the last is too long ago."""
    year = 1900 + int(short)
    return year + 100 if day.year - year > _OLDEST else year


def _unaccented(text: str) -> str:
    plain = unicodedata.normalize("NFKD", shown(text).casefold())
    return re.sub("[\u0300-\u036f]", "", plain)


def _month(name: str) -> int | None:
    plain = "".join(words(name))
    found = (n for n, stems in enumerate(_MONTH_NAMES, start=1) if plain.startswith(stems))
    return next(found, None)
