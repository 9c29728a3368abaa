"""What was audited, as plain records: handed to the report beside the findings.

Standard library only. Numbers stay numbers, words that another room gives come in both
languages: the report writes them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from features.phrases import Language


@dataclass(frozen=True)
class Words:
    """The same words in both languages."""

    fr: str
    en: str

    def __getitem__(self, language: Language) -> str:
        """Return them in one language."""
        return self.fr if language == "fr" else self.en


@dataclass(frozen=True)
class ListMeasures:
    """What the list is worth with the places there are; shares are means over the dates.

    Parameters
    ----------
    review_dates, per_review
        How many dates were measured, and how many places each has.
    control_share
        Share of the places that are drawn at random.
    precision, recall, worst_recall
        Share of the listed who had the outcome; share of those with the outcome who were
        listed, and the same at the worst date. None where it cannot be measured.
    listed, labelled
        Situations that were listed, and those of them whose outcome is known.
    """

    review_dates: int
    per_review: int
    control_share: float
    precision: float | None
    recall: float | None
    worst_recall: float | None
    listed: int
    labelled: int


@dataclass(frozen=True)
class Candidate:
    """One candidate of the comparison; measures in [0, 1], or None.

    Parameters
    ----------
    name
        What its family, or the rule, is called.
    chosen, promotable
        Whether it is the audited model; whether the committee may be asked about it.
    """

    name: Words
    chosen: bool
    promotable: bool
    auc: float | None = None
    precision_at_capacity: float | None = None
    recall_at_capacity: float | None = None


@dataclass(frozen=True)
class MeasuredFact:
    """One fact that is measured of a situation, whether or not the model gives it points."""

    name: str
    title: Words


@dataclass(frozen=True)
class ModelBin:
    """One line of a feature: where a value stands, and what it is worth there.

    ``points`` are log-odds, ``whole`` the whole points of a scorecard; None elsewhere.
    """

    where: Words
    points: float
    whole: int | None = None


@dataclass(frozen=True)
class ModelFeature:
    """One feature of the model table: what it is, and all its lines."""

    title: Words
    bins: tuple[ModelBin, ...]


@dataclass(frozen=True)
class AuditContext:
    """What was audited; everything but the subject may be absent (a vendor's file).

    Parameters
    ----------
    subject
        The version of a model, or the name of a file.
    kind
        Which of the two.
    outcome
        The outcome in the protocol's words, for instance "interruption de l'accompagnement".
    capacity
        The list under its real capacity; None where no dates and places are known.
    candidates, features
        All that was compared when the model was trained, and the model, whole.
    facts
        All that is measured, by the names that :mod:`audits.surroundings` calls columns.
    limits
        Sentences about what this audit in particular cannot see.
    """

    subject: str
    kind: Literal["model", "file"] = "file"
    protocol: str = ""
    outcome: str = ""
    data_hash: str = ""
    model_hash: str = ""
    protocol_hash: str = ""
    capacity: ListMeasures | None = None
    candidates: tuple[Candidate, ...] = ()
    features: tuple[ModelFeature, ...] = ()
    facts: tuple[MeasuredFact, ...] = ()
    limits: tuple[Words, ...] = ()
