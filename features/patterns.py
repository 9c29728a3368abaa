r"""Python's regular expressions said to the data engine, where both mean the same.

DuckDB matches with RE2. A pattern is parsed as Python parses it and written again from its
parts; whatever the two would read differently (look-around, back references, ``\d`` over all
of Unicode, word boundaries, flags) is refused and never guessed.
"""

from __future__ import annotations

import re
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from features.errors import RebondError


class UntranslatablePattern(RebondError):
    """The pattern means something else to the data engine than to Python, or nothing."""


_CLASSES = {
    ops.CATEGORY_DIGIT: "0-9",
    ops.CATEGORY_WORD: "0-9A-Za-z_",
    ops.CATEGORY_SPACE: r"\t\n\x0b\f\r ",
}
"""What the categories stand for under Python's ASCII flag."""

_PLAIN_FLAGS = re.UNICODE.value | re.ASCII.value | re.DOTALL.value | re.VERBOSE.value
_MOST_REPEATS = 1000  # RE2 takes no more


def to_re2(pattern: str | re.Pattern[str], *, anchored: bool) -> str:
    r"""Write a Python pattern as an RE2 pattern that matches the same texts.

    Parameters
    ----------
    pattern
        As for :func:`re.match`.
    anchored
        Match at the start of the text only, as :func:`re.match` does.

    Raises
    ------
    UntranslatablePattern
        No RE2 pattern of the same meaning is known.

    Examples
    --------
    >>> to_re2("rdv.*", anchored=True)
    '\\A\\x{72}\\x{64}\\x{76}(?:[^\\n])*'
    """
    flags = pattern.flags if isinstance(pattern, re.Pattern) else 0
    text = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
    try:
        tree = parser.parse(text, flags)
    except re.error as error:
        raise UntranslatablePattern(f"holds no regular expression: {error}.") from error
    if tree.state.flags & ~_PLAIN_FLAGS:
        raise _untranslatable(text, "its flags")
    writer = _Writer(text, tree.state.flags)
    written = writer.sequence(list(tree), last=True)
    # Alternatives are in a group of their own already.
    return (r"\A" if anchored else "") + written


def _untranslatable(pattern: str, what: str) -> UntranslatablePattern:
    return UntranslatablePattern(
        f"{pattern!r} cannot be said to the data engine: {what} would not mean the same. Write "
        "letters, sets, groups and repeats, and classes with re.ASCII only."
    )


class _Writer:
    """Writes the parts of one parsed pattern."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.pattern = pattern
        self.ascii = bool(flags & re.ASCII.value)
        self.any = r"(?s:.)" if flags & re.DOTALL.value else r"[^\n]"

    def sequence(self, items: list[Any], *, last: bool) -> str:
        """Write parts that follow each other; ``last`` where nothing can follow them."""
        return "".join(
            self.part(op, argument, last=last and i == len(items) - 1)
            for i, (op, argument) in enumerate(items)
        )

    def part(self, op: Any, argument: Any, *, last: bool) -> str:
        if op is ops.LITERAL:
            return _letter(argument)
        if op is ops.NOT_LITERAL:
            return f"[^{_letter(argument)}]"
        if op is ops.ANY:
            return self.any
        if op is ops.IN:
            return self.among(argument)
        if op is ops.AT:
            return self.place(argument, last=last)
        if op is ops.BRANCH:
            return f"(?:{'|'.join(self.sequence(list(way), last=last) for way in argument[1])})"
        if op is ops.SUBPATTERN and not argument[1] and not argument[2]:
            return f"(?:{self.sequence(list(argument[3]), last=last)})"
        if op in {ops.MAX_REPEAT, ops.MIN_REPEAT}:
            return self.repeat(*argument)
        raise _untranslatable(self.pattern, str(op).lower())

    def among(self, items: list[Any]) -> str:
        negated = items[0][0] is ops.NEGATE
        written = "".join(self.member(op, argument) for op, argument in items[negated:])
        return f"[{'^' if negated else ''}{written}]"

    def member(self, op: Any, argument: Any) -> str:
        if op is ops.LITERAL:
            return _letter(argument)
        if op is ops.RANGE:
            return f"{_letter(argument[0])}-{_letter(argument[1])}"
        if op is ops.CATEGORY and self.ascii and argument in _CLASSES:
            return _CLASSES[argument]
        raise _untranslatable(self.pattern, str(argument).lower())

    def place(self, argument: Any, *, last: bool) -> str:
        if argument in {ops.AT_BEGINNING, ops.AT_BEGINNING_STRING}:
            return r"\A"
        if argument is ops.AT_END_STRING:
            return r"\z"
        if argument is ops.AT_END and last:
            return r"(?:\n?\z)"  # Python's $ also stands before a last line end
        raise _untranslatable(self.pattern, str(argument).lower())

    def repeat(self, least: int, most: int, items: Any) -> str:
        inner = f"(?:{self.sequence(list(items), last=False)})"
        if most is ops.MAXREPEAT and least <= _MOST_REPEATS:
            return inner + {0: "*", 1: "+"}.get(least, f"{{{least},}}")
        if least <= most <= _MOST_REPEATS:
            return inner + f"{{{least},{most}}}"
        raise _untranslatable(self.pattern, f"more than {_MOST_REPEATS} repeats")


def _letter(code: int) -> str:
    return f"\\x{{{code:x}}}"
