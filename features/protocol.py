"""The study protocol: what the ethics committee approves, as one checked document.

A protocol is read from TOML (contract, section 2). Unknown keys are refused, a feature
group without a reason is refused, and no group may look at the outcome or at a code
family that the safeguards forbid (S4, S33). Its hash covers everything but the wordings:
a sentence can be mended without a new model, nothing else can.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.codes import (
    FORBIDDEN_FAMILIES,
    LONGEST_CODE,
    family,
    family_among,
    is_code,
    matches,
)
from features.errors import RebondError
from features.words import AVOIDED_ENGLISH, MalformedWording, check_wording

Measure = Literal["count", "sum", "mean", "last", "active_days", "since_last", "trend", "ever"]

DEFAULT_START = date(1970, 1, 5)
"""Review dates without a start are counted from this Monday."""


CENTURY = 36_525
"""No duration of a protocol, in days, is longer."""


class InvalidProtocol(RebondError):
    """The protocol cannot be used; the message names the key and what was expected."""


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def _english(text: str) -> str:
    try:
        return check_wording(text, AVOIDED_ENGLISH) if text else text
    except MalformedWording as error:
        raise ValueError(str(error)) from error


Sentence = Annotated[str, AfterValidator(_not_blank)]
Code = Annotated[Sentence, AfterValidator(str.strip)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Legal(_Section):
    """Who answers for the processing and on what basis; may be empty outside production."""

    controller: str = ""
    basis: str = ""
    adults_only: Literal[True] = True


class Population(_Section):
    """Who is looked at: in from ``entered_on + min_history_days``."""

    min_history_days: int = Field(28, ge=0, le=CENTURY)


class Cadence(_Section):
    """When situations are looked at."""

    every_days: int = Field(28, ge=1, le=CENTURY)
    start: date = DEFAULT_START
    end: date | None = None


class Outcome(_Section):
    """What the model tries to see coming."""

    label: Sentence
    horizon_days: int = Field(90, ge=1, le=CENTURY)
    kind: Literal["event", "silence"] = "event"
    codes: tuple[Code, ...] = Field(min_length=1)
    repeats: bool = False
    competing_codes: tuple[Code, ...] = ()
    at_risk_days: int | None = Field(None, ge=1, le=CENTURY)

    @property
    def at_risk_window_days(self) -> int:
        """Days in which one of ``codes`` must have occurred (silence only)."""
        return self.at_risk_days or self.horizon_days


class Capacity(_Section):
    """How many situations all educators together can look at, and how they are drawn."""

    per_review: int = Field(100, ge=1, le=1_000_000)
    per_referent: int = Field(5, ge=1, le=1_000_000)
    control_share: float = Field(0.10, ge=0, lt=1)
    exploration_share: float = Field(0.0, ge=0, lt=1)
    repeat_days: int = Field(90, ge=0, le=CENTURY)

    @model_validator(mode="after")
    def _shares_leave_room(self) -> Self:
        if self.control_share + self.exploration_share >= 1:
            raise ValueError("control_share + exploration_share must stay below 1")
        return self


class Validation(_Section):
    """Where the test begins; without it, the last third of the mature review dates."""

    test_from: date | None = None


class FeatureGroup(_Section):
    """Codes looked at together, how, and why. A code matches itself and everything below it.

    ``wording`` is French; ``wording_en`` says the same in English, ``one|many`` as well. Where
    it is empty, English sentences cite the French noun in quotation marks.
    """

    name: Sentence
    codes: tuple[Code, ...] = Field(min_length=1)
    measures: tuple[Measure, ...] = Field(min_length=1)
    sign: Literal[-1, 0, 1] = 0
    wording: Sentence
    wording_en: Annotated[str, AfterValidator(_english)] = ""
    reason: Sentence


class Features(_Section):
    """The closed list of what a model may look at."""

    windows_days: tuple[Annotated[int, Field(ge=1, le=CENTURY)], ...] = Field(
        (28, 90, 365), min_length=1
    )
    group: tuple[FeatureGroup, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _columns_are_distinct(self) -> Self:
        if len(set(self.windows_days)) < len(self.windows_days):
            raise ValueError(f"windows_days repeats a window: {list(self.windows_days)}")
        for group in self.group:
            if len(set(group.measures)) < len(group.measures):
                raise ValueError(f"feature group {group.name!r} repeats a measure")
        return self


class Audit(_Section):
    """Along which attributes the model is audited, and the largest accepted gap."""

    attributes: tuple[Sentence, ...] = ()
    intersections: tuple[tuple[Sentence, ...], ...] = ()
    tolerance: float = Field(0.10, gt=0, lt=1)

    @model_validator(mode="after")
    def _intersections_use_attributes(self) -> Self:
        for crossing in self.intersections:
            unknown = sorted(set(crossing) - set(self.attributes))
            if unknown:
                raise ValueError(f"intersections name {unknown}, which are not in attributes")
        return self


class Protocol(_Section):
    """One study, whole. Frozen; compare two by :attr:`hash`."""

    name: Sentence
    purpose: Literal["prevention"]
    legal: Legal = Legal()
    population: Population = Population()
    cadence: Cadence = Cadence()
    outcome: Outcome
    capacity: Capacity = Capacity()
    validation: Validation = Validation()
    features: Features
    audit: Audit = Audit()

    @model_validator(mode="after")
    def _groups_keep_their_distance(self) -> Self:
        names = [group.name for group in self.features.group]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"feature groups need distinct names, repeated: {repeated}")
        for group in self.features.group:
            for code in group.codes:
                if found := family_among(code, FORBIDDEN_FAMILIES):
                    raise ValueError(
                        f"feature group {group.name!r} looks at {code!r}: the family "
                        f"{found!r} is never a feature"
                    )
                if attribute := self._attribute_in(code):
                    raise ValueError(
                        f"feature group {group.name!r} looks at {code!r}: {attribute!r} serves "
                        "the audit alone and is never a feature; take it out of the group"
                    )
            if not self.outcome.repeats and self.outcome.kind == "event":
                # Either may be the broader one: `lien` and `lien//interruption` share events.
                seen = [
                    code
                    for code in self.outcome.codes
                    if matches(code, group.codes) or any(matches(c, [code]) for c in group.codes)
                ]
                if seen:
                    raise ValueError(
                        f"feature group {group.name!r} matches the outcome code {seen[0]!r}, "
                        "whose past is empty by definition; take it out of the group"
                    )
        return self

    def _attribute_in(self, code: str) -> str | None:
        """Return the audit attribute that a code names in any part, in whatever spelling (S5)."""
        named = {family(name).strip("_"): name for name in self.audit.attributes}
        found = family_among(code, [name for name in named if name])
        return None if found is None else named[found]

    @model_validator(mode="after")
    def _codes_have_the_shape_of_codes(self) -> Self:
        listed = [code for group in self.features.group for code in group.codes]
        for code in (*self.outcome.codes, *self.outcome.competing_codes, *listed):
            if not is_code(code):
                raise ValueError(
                    f"{code!r} is no code: write parts of letters, digits, _ - . joined by //, "
                    f"at most {LONGEST_CODE} characters in all"
                )
        return self

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical JSON of everything but the wordings."""
        plain = self.model_dump(mode="json")
        for group in plain["features"]["group"]:
            del group["wording"], group["wording_en"]
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def parse_protocol(text: str, source: str = "protocol.toml") -> Protocol:
    """Read a protocol from TOML text.

    Raises
    ------
    InvalidProtocol
        Not TOML, an unknown key, a value out of range, an empty reason; one sentence
        naming ``source`` and the key.
    """
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidProtocol(f"{source} is not valid TOML: {error}.") from error
    try:
        return Protocol.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the protocol"
        kind = "unknown key" if first["type"] == "extra_forbidden" else first["msg"]
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise InvalidProtocol(f"{source}: {key}: {kind}{more}.") from error


def read_protocol(path: Path) -> Protocol:
    """Read a protocol file; see :func:`parse_protocol`.

    Raises
    ------
    InvalidProtocol
        The file is missing or says something a protocol cannot say.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidProtocol(f"{path.name} is not UTF-8 text: save it again as UTF-8.") from error
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InvalidProtocol(f"there is no protocol at {path}.") from error
    return parse_protocol(text, path.name)
