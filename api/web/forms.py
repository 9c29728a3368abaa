"""What people type: read field by field, refused in French, kept for the next try."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from starlette.datastructures import FormData

from features.errors import RebondError
from revue.records import DecisionKind, Opinion

MAX_TEXT = 2000
"""Longest text of a field, in characters."""

Choice = TypeVar("Choice", bound=StrEnum)


class InvalidField(RebondError):
    """A form field is missing or says something it cannot say.

    Parameters
    ----------
    field
        Name of the field, which is also its anchor on the page.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class MissingChoice(InvalidField):
    """None of the choices offered was taken."""


class TextTooLong(InvalidField):
    """A text is longer than what people will read."""


async def _fields(request: Request) -> FormData:
    return await request.form()


Fields = Annotated[FormData, Depends(_fields)]
"""The fields of a form, as typed."""


@dataclass(frozen=True)
class TypedView:
    """The own view as typed."""

    opinion: str = ""
    why: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedView:
        """Read the fields of the view form."""
        return cls(_text(fields, "opinion"), _text(fields, "why"))

    def chosen(self) -> Opinion:
        """Return the opinion.

        Raises
        ------
        MissingChoice
            None was chosen, or one that is not offered.
        """
        check_length("why", self.why)
        return _choice("opinion", self.opinion, Opinion)


@dataclass(frozen=True)
class TypedDecision:
    """The decision as typed."""

    kind: str = ""
    offers: tuple[str, ...] = ()
    reason: str = ""
    informed: bool = False

    @classmethod
    def read(cls, fields: FormData) -> TypedDecision:
        """Read the fields of the decision form; a ticked offer alone decides to offer it."""
        offers = [*fields.getlist("offers"), *fields.getlist("offers[]")]
        ticked = tuple(offer for offer in offers if isinstance(offer, str))
        return cls(
            kind=_text(fields, "kind") or (DecisionKind.OFFER.value if ticked else ""),
            offers=ticked,
            reason=_text(fields, "reason"),
            informed=_ticked(fields, "informed"),
        )

    def chosen(self) -> DecisionKind:
        """Return the kind of decision.

        Raises
        ------
        MissingChoice
            None was chosen, or one that is not on the closed list.
        """
        check_length("reason", self.reason)
        return _choice("kind", self.kind, DecisionKind)


@dataclass(frozen=True)
class TypedVote:
    """The vote of a committee member as typed."""

    reason: str = ""
    waive: bool = False

    @classmethod
    def read(cls, fields: FormData) -> TypedVote:
        """Read the fields of a vote form."""
        return cls(_text(fields, "reason"), _ticked(fields, "waive"))

    def checked_reason(self) -> str:
        """Return the reason, not longer than people will read."""
        check_length("reason", self.reason)
        return self.reason


@dataclass(frozen=True)
class TypedWording:
    """A proposed wording as typed."""

    group: str = ""
    text: str = ""
    reason: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedWording:
        """Read the fields of the wording form."""
        return cls(_text(fields, "group"), _text(fields, "text"), _text(fields, "reason"))

    def checked_reason(self) -> str:
        """Return the reason, not longer than people will read."""
        check_length("reason", self.reason)
        return self.reason


def check_length(field: str, text: str) -> None:
    """Refuse a text that is too long.

    Raises
    ------
    TextTooLong
        It has more than :data:`MAX_TEXT` characters.
    """
    if len(text) > MAX_TEXT:
        raise TextTooLong(field, f"{field} has {len(text)} characters; at most {MAX_TEXT}.")


def local_path(path: str) -> str:
    """Return a path of this site to go on to, or ``/`` for anything else."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if inside and path.isprintable() else "/"


def _text(fields: FormData, name: str) -> str:
    value = fields.get(name, "")
    return value.strip() if isinstance(value, str) else ""


def _ticked(fields: FormData, name: str) -> bool:
    return _text(fields, name).lower() in {"yes", "true", "on", "1"}


def _choice(field: str, value: str, choices: type[Choice]) -> Choice:
    if value not in [choice.value for choice in choices]:
        expected = ", ".join(choice.value for choice in choices)
        raise MissingChoice(field, f"{field} is {value!r}; expected one of {expected}.")
    return choices(value)
