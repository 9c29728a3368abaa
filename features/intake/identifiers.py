"""What tells who somebody is, found in any value: it stops the import (S20).

The data engine asks :data:`CANDIDATE` of every value; what it lets through is read again
here, where keys and check digits are computed. A value found is never shown, only where it
stands.

References
----------
INSEE, "numéro d'inscription au répertoire": 13 characters and the key 97 - (number mod 97),
2A and 2B counted as 19 and 18. ISO 13616: an IBAN is right where its rearranged number is 1
modulo 97, with one length per country.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import compress

_APART = "[^0-9A-Za-z]*"
_DIGIT = f"{_APART}[0-9]"
_PHONE_DIGITS = (
    f"((^|[^0-9])0{_APART}|33{_APART}(0{_APART})?)[1-9]({_DIGIT}){{8}}([^0-9]|$)"
    f"|[+]{_APART}[1-9]({_DIGIT}){{8}}"
)
_NIR_DIGITS = (
    f"(^|[^0-9])[1278]({_DIGIT}){{5}}{_APART}[0-9ABab]({_DIGIT}){{6}}(({_DIGIT}){{2}})?([^0-9]|$)"
)
_IBAN_SIGNS = f"(^|[^0-9A-Za-z])[A-Za-z]{{2,}}{_APART}[0-9]{_DIGIT}({_APART}[A-Za-z0-9]){{11}}"
_AT = (
    r"(@|[(\[{]\s*(@|[Aa][Tt]|[Aa][Rr][Oo][Bb][Aa][Ss][Ee])\s*[)\]}]|&#64;|%40"
    r"|\s[Aa][Rr][Oo][Bb][Aa][Ss][Ee]\s)"
)

CANDIDATE = rf"{_AT}|[^\x00-\x7F]|{_PHONE_DIGITS}|{_NIR_DIGITS}|{_IBAN_SIGNS}"
"""What may hold an identifier, for the data engine (RE2); it misses none and is quick.

It asks for enough digits and signs, whatever stands between them; all that is not ASCII is
read again.
"""

_UUID = re.compile(
    r"(?<![0-9A-Za-z])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9A-Za-z])", re.IGNORECASE
)
# After `_plain` what sets digits apart is one blank, one dot or one comma.
_SEP = "[ .,]?"
_ALONE = r"(?<![0-9A-Za-z])(?<![0-9][.,])"
_END = "(?![0-9A-Za-z])"
_DOT = r"(\s?\.|\s\.\s|\s*[(\[{]\s*(\.|dot|point)\s*[)\]}]\s*|\s(dot|point)\s)"
_EMAIL = re.compile(rf"[^\s@]\s*{_AT}\s*[\w-]+({_DOT}[\w-]+)*{_DOT}[^\W\d_]{{2,}}", re.IGNORECASE)
_FRANCE = rf"([+]{_SEP}|00{_SEP})33{_SEP}(0{_SEP})?"
_PAIRS = "([0-9]{8}|( [0-9]{2}){4}|([.,][0-9]{2}){4})"
_PHONE = re.compile(
    rf"{_ALONE}(0|{_FRANCE})[1-9]{_PAIRS}{_END}|{_ALONE}33{_SEP}[67]{_PAIRS}{_END}"
    # Of another country, or from overseas: known by its sign alone.
    rf"|(?<![0-9A-Za-z])[+](?!33)[1-9][0-9]{{0,2}}({_SEP}[0-9]){{8,12}}{_END}"
    # In odd groups it is one only where no other number stands beside it, and not after a date.
    rf"|{_ALONE}(?<![0-9] )(?![0-9]{{2}}[ .,][0-9]{{2}}[ .,](?:19|20)[0-9]{{2}}{_END})"
    rf"(0|{_FRANCE}){_SEP}[1-9]({_SEP}[0-9]){{8}}{_END}(?![ .,][0-9]{{2}})"
)
_NIR = re.compile(
    rf"{_ALONE}(?P<nir>[1278]{_SEP}[0-9]{{2}}{_SEP}(?P<month>[0-9]{{2}}){_SEP}"
    rf"([0-9]{{2}}|2{_SEP}[ABab]){_SEP}[0-9]{{3}}{_SEP}[0-9]{{3}}"
    rf"({_SEP}((cle|k) ?:? ?)?[0-9]{{2}})?){_END}",
    re.IGNORECASE,
)
_NIR_SAID = re.compile(
    r"\b(ni[ra]|insee|secu(rite sociale)?|ss|vitale|immatriculation)\W*(n[o\u00b0]?\W*)?$",
    re.IGNORECASE,
)
_IBAN_START = re.compile(
    rf"(?<![0-9A-Za-z])[A-Za-z]*?(?P<iban>[A-Za-z]{{2}}{_SEP}[0-9]{{2}})(?={_SEP}[0-9A-Za-z])"
)
# Five short groups or more with one sign between them, whichever: no time of day has as many.
_SET_APART = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][^\w\s])[0-9]{1,3}(?P<by>\s?[^\w\s.,()]\s?)[0-9]{1,3}"
    r"((?P=by)([0-9]{1,3}|2[ABab])){3,}(?![0-9A-Za-z])"
)

_NIR_GROUPS = 3
"""Separators from which on thirteen digits are written as only a NIR is."""

IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FK FO FI GL NL SD", 19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK", 21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
        29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC", 33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Characters of an IBAN, by country (ISO 13616 registry)."""


E_MAIL = "an e-mail address"
TELEPHONE = "a telephone number"
KINDS = (E_MAIL, TELEPHONE, "a social security number", "a bank account number")
"""What is said of what is found."""


def identifier_in(text: str) -> str | None:
    """Say which kind of identifier a text holds: e-mail, French telephone, NIR, IBAN, or none.

    Invisible characters, the script of the digits and what sets them apart do not matter.
    A NIR is known by its key; without a right one it is where it is written in groups, holds
    a Corsican letter, or follows its name. Other long numbers are times, products and cases:
    one mistyped in that way is let through.

    Examples
    --------
    >>> identifier_in("nir 255087511600271")
    'a social security number'
    >>> identifier_in("255087511600217") is None
    True
    """
    return next(identifiers_in(text), None)


def identifiers_in(text: str) -> Iterator[str]:
    """Yield every kind of identifier a text holds, each once, as :func:`identifier_in` says it."""
    # Drawn at random, it may hold any digits.
    read = _UUID.sub(" ", shown(text))
    plain = _plain(read)
    found = (
        _EMAIL.search(read) is not None,
        _PHONE.search(plain) is not None,
        any(_is_nir(nir, plain[: nir.start()]) for nir in _NIR.finditer(plain)),
        any(_is_iban(plain[start.start("iban") :]) for start in _IBAN_START.finditer(plain)),
    )
    yield from compress(KINDS, found)


def shown(text: str) -> str:
    """Return what a reader sees: full-width signs and any script's digits as plain ones."""
    if text.isascii() and text.isprintable():
        return text
    kept = unicodedata.normalize("NFKC", text).translate(_SIGNS)
    return "".join(_plain_sign(c) for c in kept)


_SIGNS = {
    **dict.fromkeys(map(ord, "\u115f\u1160\u3164\u2800"), None),
    ord("\u2212"): "-",
    ord("\u3002"): ".",
}
"""Fillers that show nothing though they are no format signs; a minus; an ideographic stop."""


def _plain_sign(character: str) -> str:
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    category = unicodedata.category(character)
    # Not shown, or shown upon the sign before it: joiners, variants, marks, controls.
    if category in {"Cf", "Mn", "Me"} or (category == "Cc" and not character.isspace()):
        return ""
    return "-" if category == "Pd" else character


def _plain(read: str) -> str:
    """Return a text with one separator between groups, and one between a word and a number.

    The parts of a code stay apart. A short run of letters, or one of a to f alone, belongs
    to the number: it is a case's or a hash.
    """
    text = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", read))
    text = _SET_APART.sub(lambda run: re.sub("[^0-9ABab]+", " ", run[0]), text)
    text = re.sub(r"[()]", " ", text.replace("//", " ; "))
    text = re.sub(r"[\s_/-]+", " ", text)
    text = re.sub(r" ?([.,]) ?", r"\1", text)
    text = re.sub(r"(?<![0-9A-Za-z])((?=[A-Za-z]*[G-Zg-z])[A-Za-z]{3,})(?=[0-9+])", _cut, text)
    return re.sub(r"(?<=[0-9])(?=(?=[A-Za-z]*[G-Zg-z])[A-Za-z]{3,}(?![0-9A-Za-z]))", " ", text)


def _cut(word: re.Match[str]) -> str:
    # The last two letters before a number may be the country of a bank account.
    bank = word[1][-2:].upper() in IBAN_LENGTHS and _is_iban(word.string[word.end() - 2 :])
    return word[1] if bank else f"{word[1]} "


def _is_nir(found: re.Match[str], before: str) -> bool:
    written, month = found["nir"].upper(), int(found["month"])
    bare = re.sub("[^0-9AB]", "", written)
    if len(bare) == len("155081160020011"):
        number = int(bare[:13].replace("2A", "19").replace("2B", "18"))
        known = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50  # noqa: PLR2004 - months
        if known and int(bare[13:]) == 97 - number % 97:
            return True
    if not (written[0] in "12" and 1 <= month <= 12):  # noqa: PLR2004 - months
        return False
    grouped = len(written) - len(bare) >= _NIR_GROUPS
    alone = len(bare) == len("1550811600200")
    said = _NIR_SAID.search(before) is not None
    return grouped or (alone and (said or not bare.isdecimal()))


def _is_iban(text: str) -> bool:
    """Say whether a text begins with an IBAN, its signs apart or not."""
    length = IBAN_LENGTHS.get(text[:2].upper())
    if length is None:
        return False
    found = re.match(rf"([0-9A-Za-z]{_SEP}){{{length - 1}}}[0-9A-Za-z](?![0-9A-Za-z])", text)
    if found is None:
        return False
    bare = re.sub("[ .,]", "", found.group()).upper()
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


_CIVILITIES = frozenset({"m", "mr", "mme", "mlle", "madame", "monsieur", "mademoiselle"})


class Names:
    """Display names, found in a text in any order of their words, whatever case and accents.

    Hyphens, apostrophes and blanks may be left out, but of a name so short that it would be
    found in other words. Forms of address are no part of a name. A name of one word is not
    looked for in a login, which may well be that of a homonym.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._known: dict[str, set[tuple[str, ...]]] = {}
        for name in names:
            if found := _called(name):
                self._known.setdefault(_signs(found), set()).add(tuple(sorted(found)))
        known = [found for same in self._known.values() for found in same]
        self._longest = max(map(len, known), default=0)
        run = min((max(_letters(word) for word in found) for found in known), default=0)
        self.candidate = f"[^\\x00-\\x7F]|[A-Za-z]{{{run}}}" if run else ""
        """What may hold a name, for the data engine: a run of letters long enough."""

    def __bool__(self) -> bool:
        return bool(self._known)

    def stand_in(self, text: str, *, login: bool = False) -> bool:
        """Say whether one of the names stands in a text, or in a login."""
        apart = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text)
        return any(
            self._is_one(found[i : i + n], login)
            for found in {_called(text), _called(apart)}
            for n in range(1, self._longest + 1)
            for i in range(len(found) - n + 1)
        )

    def _is_one(self, found: tuple[str, ...], login: bool) -> bool:
        said = "".join(found)
        return any(
            (len(name) > 1 or not login)
            and (tuple(sorted(found)) == name or (len(said) >= _RUN_ON and _made_of(said, name)))
            for name in self._known.get(_signs(found), ())
        )


_RUN_ON = 8
"""Letters from which on a name is looked for without what sets its words apart."""


def _signs(found: tuple[str, ...]) -> str:
    return "".join(sorted("".join(found)))


def _made_of(said: str, parts: tuple[str, ...]) -> bool:
    """Say whether a run of letters is some words one after another, in any order."""
    return not parts or any(
        said.startswith(part) and _made_of(said[len(part) :], (*parts[:i], *parts[i + 1 :]))
        for i, part in enumerate(parts)
    )


def _called(text: str) -> tuple[str, ...]:
    return tuple(
        part
        for word in words(text)
        if word not in _CIVILITIES
        # A number behind a name makes a login of it, and no other name.
        for part in re.findall(r"[0-9]+|[^0-9]+", word)
    )


def _letters(word: str) -> int:
    return max((len(run) for run in re.findall(r"[a-z]+", word)), default=0)


def words(text: str) -> tuple[str, ...]:
    """Split into lower-case words without accents.

    >>> words("L'Hôte_Éva")
    ('l', 'hote', 'eva')
    """
    plain = unicodedata.normalize("NFKD", shown(text).casefold())
    plain = plain.translate(_LETTERS)
    return tuple(re.findall(r"[^\W_]+", re.sub(r"[\u0300-\u036f]", "", plain)))


_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ł": "l", "ø": "o", "đ": "d", "ð": "d", "ı": "i"})
"""Letters that Unicode takes for whole and people write without their stroke."""
