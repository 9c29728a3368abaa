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
from collections.abc import Iterable

_APART = "[^0-9A-Za-z]*"
_DIGIT = f"{_APART}[0-9]"
_PHONE_DIGITS = f"((^|[^0-9])0{_APART}|33{_APART}(0{_APART})?)[1-9]({_DIGIT}){{8}}([^0-9]|$)"
_NIR_DIGITS = (
    f"(^|[^0-9])[1278]({_DIGIT}){{5}}{_APART}[0-9ABab]({_DIGIT}){{6}}(({_DIGIT}){{2}})?([^0-9]|$)"
)
_IBAN_SIGNS = f"(^|[^0-9A-Za-z])[A-Za-z]{{2,}}{_APART}[0-9]{_DIGIT}({_APART}[A-Za-z0-9]){{11}}"
_AT = r"(@|[(\[]\s*[Aa][Tt]\s*[)\]])"

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
_EMAIL = re.compile(rf"[\w.%+\"'-]+\s*{_AT}\s*[\w-]+(\.[\w-]+)*\s?\.[^\W\d_]{{2,}}")
_PHONE = re.compile(
    rf"{_ALONE}(0|[+]33{_SEP}(\(0\))?{_SEP}|0033{_SEP}(\(0\))?{_SEP})"
    rf"[1-9]([0-9]{{8}}|( [0-9]{{2}}){{4}}|([.,][0-9]{{2}}){{4}}){_END}"
    rf"|{_ALONE}33[67][0-9]{{8}}{_END}"
    # In odd groups it is one only where no other number stands beside it, and not after a date.
    rf"|{_ALONE}(?<![0-9] )(?![0-9]{{2}}[ .,][0-9]{{2}}[ .,](?:19|20)[0-9]{{2}}{_END})"
    rf"(0|[+]33|0033)({_SEP}\(0\))?{_SEP}[1-9]({_SEP}[0-9]){{8}}{_END}(?![ .,][0-9]{{2}})"
)
_NIR = re.compile(
    rf"{_ALONE}(?P<nir>[1278]{_SEP}[0-9]{{2}}{_SEP}(?P<month>[0-9]{{2}}){_SEP}([0-9]{{2}}|2[ABab])"
    rf"{_SEP}[0-9]{{3}}{_SEP}[0-9]{{3}}({_SEP}[0-9]{{2}})?){_END}"
)
_NIR_SAID = re.compile(r"\b(nir|insee|secu(rite sociale)?|ss)\W*(n[o\u00b0]?\W*)?$", re.IGNORECASE)
_IBAN_START = re.compile(
    rf"(?<![0-9A-Za-z])[A-Za-z]*?(?P<iban>[A-Za-z]{{2}}{_SEP}[0-9]{{2}})(?={_SEP}[0-9A-Za-z])"
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
    # Drawn at random, it may hold any digits.
    read = _UUID.sub(" ", shown(text))
    if _EMAIL.search(read):
        return "an e-mail address"
    plain = _plain(read)
    if _PHONE.search(plain):
        return "a telephone number"
    if any(_is_nir(found, plain[: found.start()]) for found in _NIR.finditer(plain)):
        return "a social security number"
    if any(_is_iban(plain[found.start("iban") :]) for found in _IBAN_START.finditer(plain)):
        return "a bank account number"
    return None


def shown(text: str) -> str:
    """Return what a reader sees: full-width signs and any script's digits as plain ones."""
    if text.isascii():
        return text
    kept = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return "".join(
        str(unicodedata.decimal(c)) if c.isdecimal() else "-" if _is_dash(c) else c for c in kept
    )


def _is_dash(character: str) -> bool:
    return unicodedata.category(character) == "Pd"


def _plain(read: str) -> str:
    """Return a text with one separator between groups, and one between a word and a number.

    The parts of a code stay apart. A short run of letters, or one of a to f alone, belongs
    to the number: it is a case's or a hash.
    """
    text = re.sub(r"[\s_/-]+", " ", read.replace("//", " ; "))
    text = re.sub(r" ?([.,]) ?", r"\1", text)
    text = re.sub(r"(?<![0-9A-Za-z])((?=[A-Za-z]*[G-Zg-z])[A-Za-z]{3,})(?=[0-9+])", _cut, text)
    return re.sub(r"(?<=[0-9])(?=(?=[A-Za-z]*[G-Zg-z])[A-Za-z]{3,}(?![0-9A-Za-z]))", " ", text)


def _cut(word: re.Match[str]) -> str:
    # The last two letters before a number may be the country of a bank account.
    bank = word[1][-2:].upper() in IBAN_LENGTHS and _is_iban(word.string[word.end() - 2 :])
    return word[1] if bank else f"{word[1]} "


def _is_nir(found: re.Match[str], before: str) -> bool:
    written, month = found["nir"].upper(), int(found["month"])
    bare = re.sub(r"[ .,]", "", written)
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

    Forms of address are no part of a name. A name of one word is not looked for in a login,
    which may well be that of a homonym.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._known = {tuple(sorted(found)) for name in names if (found := _called(name))}
        self._lengths = sorted({len(found) for found in self._known})
        run = min((max(_letters(word) for word in found) for found in self._known), default=0)
        self.candidate = f"[^\\x00-\\x7F]|[A-Za-z]{{{run}}}" if run else ""
        """What may hold a name, for the data engine: a run of letters long enough."""

    def __bool__(self) -> bool:
        return bool(self._known)

    def stand_in(self, text: str, *, login: bool = False) -> bool:
        """Say whether one of the names stands in a text, or in a login."""
        apart = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", text)
        return any(
            tuple(sorted(found[i : i + n])) in self._known
            for found in {_called(text), _called(apart)}
            for n in self._lengths
            if n > 1 or not login
            for i in range(len(found) - n + 1)
        )


def _called(text: str) -> tuple[str, ...]:
    return tuple(word for word in words(text) if word not in _CIVILITIES)


def _letters(word: str) -> int:
    return max((len(run) for run in re.findall(r"[a-z]+", word)), default=0)


def words(text: str) -> tuple[str, ...]:
    """Split into lower-case words without accents.

    >>> words("L'Hôte_Éva")
    ('l', 'hote', 'eva')
    """
    plain = unicodedata.normalize("NFKD", shown(text).casefold())
    plain = plain.replace("œ", "oe").replace("æ", "ae")
    return tuple(re.findall(r"[^\W_]+", re.sub(r"[\u0300-\u036f]", "", plain)))
