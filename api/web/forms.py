"""What people type: read field by field, refused in French, kept for the next try."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData

from features.errors import RebondError
from revue.records import (
    Answer,
    Contact,
    Decision,
    DecisionKind,
    NoticeForm,
    Opinion,
    Outcome,
    RequestOutcome,
    Right,
)
from revue.review import Deciding

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


class UnreadableDate(InvalidField):
    """A day that no calendar has, or not written as 2026-11-21."""


class DayMissing(InvalidField):
    """A day is needed, and none was given."""


class PasswordsDiffer(InvalidField):
    """What was typed twice is not the same."""


class PersonMissing(InvalidField):
    """Nothing says whom a request is about."""


class SureMissing(InvalidField):
    """What cannot be taken back is done with its own box ticked."""


class UnreadableForm(RebondError):
    """A form names another character set than UTF-8, the only one that pages are sent in."""


async def form_of(request: Request) -> FormData:
    """Read the fields of a form.

    Raises
    ------
    UnreadableForm
        Its header names another character set. The framework would decode by it: into halves
        of characters that nothing can write again, or not at all.
    """
    _, options = parse_options_header(request.headers.get("content-type"))
    charset = options.get(b"charset", b"utf-8").decode("latin-1")
    if charset.lower() not in _READABLE:
        raise UnreadableForm(f"the form names {charset!r}; send it in UTF-8.")
    return await request.form()


_READABLE = frozenset({"utf-8", "utf8", "us-ascii"})

Fields = Annotated[FormData, Depends(form_of)]
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
    words: str = ""
    again_on: str = ""
    contact: str = ""
    safe_contact: bool = False

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
            words=_text(fields, "words"),
            again_on=_text(fields, "again_on"),
            contact=_text(fields, "contact"),
            safe_contact=_ticked(fields, "safe_contact"),
        )

    @classmethod
    def of(cls, decision: Decision, today: date) -> TypedDecision:
        """Return a decision as its form shows it, to keep or to change, with a day to come."""
        day = None if decision.kind is DecisionKind.TEAM else decision.again_on  # the meeting's
        return cls(
            kind=decision.kind.value,
            offers=decision.offers,
            reason=decision.reason,
            informed=decision.informed,
            words=decision.words,
            again_on="" if day is None or day < today else day.isoformat(),
            contact=decision.contact.value if decision.contact else "",
            safe_contact=decision.safe_contact,
        )

    def deciding(self) -> Deciding:
        """Return what is decided.

        Raises
        ------
        MissingChoice
            No kind was chosen, or one that is not on the closed list.
        TextTooLong, UnreadableDate
        """
        check_length("reason", self.reason)
        check_length("words", self.words)
        return Deciding(
            kind=_choice("kind", self.kind, DecisionKind),
            reason=self.reason,
            offers=self.offers,
            informed=self.informed,
            words=self.words,
            again_on=_date("again_on", self.again_on),
            contact=_choice("contact", self.contact, Contact) if self.contact else None,
            safe_contact=self.safe_contact,
        )


@dataclass(frozen=True)
class TypedFollowUp:
    """The follow-up as typed."""

    answer: str = ""
    became: str = ""
    next_on: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedFollowUp:
        """Read the fields of the follow-up form."""
        return cls(_text(fields, "answer"), _text(fields, "became"), _text(fields, "next_on"))

    def told(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.review.follow_up`.

        Raises
        ------
        MissingChoice, TextTooLong, UnreadableDate
        """
        check_length("became", self.became)
        return {
            "answer": _choice("answer", self.answer, Answer) if self.answer else None,
            "became": self.became,
            "again_on": _date("next_on", self.next_on),
        }


@dataclass(frozen=True)
class TypedDay:
    """A day to put a situation off to, as typed."""

    until: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedDay:
        """Read the field."""
        return cls(_text(fields, "until"))

    def day(self) -> date:
        """Return the day.

        Raises
        ------
        DayMissing, UnreadableDate
        """
        return required_date("until", self.until)


@dataclass(frozen=True)
class TypedContest:
    """The person's own words against a situation, as typed; never stripped or corrected.

    But for a NUL, which nobody types.
    """

    contest_words: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedContest:
        """Read the field."""
        value = fields.get("contest_words", "")
        return cls(value.replace("\0", "") if isinstance(value, str) else "")

    def checked(self) -> str:
        """Return the words.

        Raises
        ------
        TextTooLong
        """
        check_length("contest_words", self.contest_words)
        return self.contest_words


@dataclass(frozen=True)
class TypedAbsence:
    """An absence as typed."""

    login: str = ""
    first_on: str = ""
    last_on: str = ""
    stand_in: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedAbsence:
        """Read the fields of the absence form."""
        return cls(*(_text(fields, name) for name in ("login", "first_on", "last_on", "stand_in")))

    def noted(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.absences.note_absence`.

        Raises
        ------
        MissingChoice, DayMissing, UnreadableDate
        """
        if not self.login:
            raise MissingChoice("login", "login is empty; say who is away.")
        return {
            "login": self.login,
            "first_on": required_date("first_on", self.first_on),
            "last_on": required_date("last_on", self.last_on),
            "stand_in": self.stand_in or None,
        }


@dataclass(frozen=True)
class TypedObservation:
    """An observation as typed."""

    code: str = ""
    observed_on: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedObservation:
        """Read the fields of the observation form."""
        return cls(_text(fields, "code"), _text(fields, "observed_on"))

    def noted(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.noting.note`, without the person.

        Raises
        ------
        DayMissing, UnreadableDate
        """
        return {
            "code": self.code,
            "observed_on": required_date("observed_on", self.observed_on),
        }


@dataclass(frozen=True)
class TypedNotice:
    """How somebody was told of this processing, as typed."""

    form: str = ""
    told_on: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedNotice:
        """Read the fields of the notice form."""
        return cls(_text(fields, "form"), _text(fields, "told_on"))

    def told(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.notices.note_notice`.

        Raises
        ------
        MissingChoice, DayMissing, UnreadableDate
        """
        return {
            "form": _choice("form", self.form, NoticeForm),
            "told_on": required_date("told_on", self.told_on),
        }


@dataclass(frozen=True)
class TypedRequest:
    """A request as typed; ``person`` is never shown again."""

    person: str = field(default="", repr=False)
    asked: str = ""
    received_on: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedRequest:
        """Read the fields of the request form."""
        return cls(_text(fields, "person"), _text(fields, "asked"), _text(fields, "received_on"))

    def noted(self) -> dict[str, Any]:
        """Return the arguments of :func:`api.rights.note`.

        Raises
        ------
        PersonMissing, MissingChoice, DayMissing, UnreadableDate
        """
        if not self.person:
            raise PersonMissing("person", "person is empty; give the id of the service's software.")
        return {
            "said": self.person,
            "asked": _choice("asked", self.asked, Right),
            "received_on": required_date("received_on", self.received_on),
        }


@dataclass(frozen=True)
class TypedRequestAnswer:
    """What a request came to, as typed."""

    outcome: str = ""
    answer: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedRequestAnswer:
        """Read the fields of the answer form."""
        return cls(_text(fields, "outcome"), _text(fields, "answer"))

    def given(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.requests.answer_request`.

        Raises
        ------
        MissingChoice, TextTooLong
        """
        check_length("answer", self.answer)
        return {"outcome": _choice("outcome", self.outcome, RequestOutcome), "answer": self.answer}


@dataclass(frozen=True)
class TypedAnswer:
    """The answer to a contestation as typed."""

    outcome: str = ""
    answer: str = ""

    @classmethod
    def read(cls, fields: FormData) -> TypedAnswer:
        """Read the fields of the answer form."""
        return cls(_text(fields, "outcome"), _text(fields, "answer"))

    def given(self) -> dict[str, Any]:
        """Return the arguments of :func:`revue.contestation.answer_contestation`.

        Raises
        ------
        MissingChoice, TextTooLong
        """
        check_length("answer", self.answer)
        return {"outcome": _choice("outcome", self.outcome, Outcome), "answer": self.answer}


@dataclass(frozen=True)
class TypedVote:
    """The vote of a committee member as typed."""

    reason: str = ""
    waive: bool = False
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, fields: FormData) -> TypedVote:
        """Read the fields of a vote form."""
        return cls(_text(fields, "reason"), _ticked(fields, "waive"), secret(fields, "password"))

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


def required_date(field: str, text: str) -> date:
    """Return the day of a field that needs one.

    Raises
    ------
    DayMissing, UnreadableDate
    """
    day = _date(field, text)
    if day is None:
        raise DayMissing(field, f"{field} is empty; give a day like 2026-11-21.")
    return day


def _date(field: str, text: str) -> date | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UnreadableDate(field, f"{text!r} is not a day like 2026-11-21.") from error
    if day.year not in _CENTURY:
        raise UnreadableDate(field, f"{text!r} lies outside of what anybody plans here.")
    return day


_CENTURY = range(2000, 2100)


def local_path(path: str) -> str:
    """Return a path of this site to go on to, or ``/`` for anything else."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if inside and path.isprintable() else "/"


def secret(fields: FormData, name: str) -> str:
    """Return a password to the letter: a blank at its end is part of it."""
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def text_of(fields: FormData, name: str) -> str:
    """Return what was typed into a field, without surrounding blanks."""
    return _text(fields, name)


def _text(fields: FormData, name: str) -> str:
    value = fields.get(name, "")
    # Nobody types a NUL, and SQLite measures a text up to its first one.
    return value.replace("\0", "").strip() if isinstance(value, str) else ""


def _ticked(fields: FormData, name: str) -> bool:
    return _text(fields, name).lower() in {"yes", "true", "on", "1"}


def _choice(field: str, value: str, choices: type[Choice]) -> Choice:
    if value not in [choice.value for choice in choices]:
        expected = ", ".join(choice.value for choice in choices)
        raise MissingChoice(field, f"{field} is {value!r}; expected one of {expected}.")
    return choices(value)
