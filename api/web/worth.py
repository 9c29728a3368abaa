"""What a model is worth, said as one counts: of 100 situations, about so many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from markupsafe import Markup

from api.families import family_name
from api.measured import Line, Measured
from api.web.speech import Speech
from audits.suppression import K, withheld
from features.phrases import Language

HUNDRED = 100


@dataclass(frozen=True)
class Share:
    """So many of 100, with a bar as long; None where it cannot be measured."""

    per_100: int | None

    @property
    def bar(self) -> Markup:
        """A picture of the share; the text beside it says the same."""
        return Markup(  # noqa: S704 - numbers only
            f'<svg class="bar" viewBox="0 0 {HUNDRED} 8" preserveAspectRatio="none" '
            f'aria-hidden="true" focusable="false"><rect class="rest" width="{HUNDRED}" '
            f'height="8"/><rect width="{self.per_100 or 0}" height="8"/></svg>'
        )


@dataclass(frozen=True)
class Compared:
    """The model, or something beside it: who, and three shares of 100."""

    who: str
    own: bool
    useful: Share
    found: Share
    ordered: Share


@dataclass(frozen=True)
class ReviewDate:
    """The list of one review date, or of one earlier moment; None where nothing is counted."""

    day: date
    listed: int | None
    known: int | None
    useful: Share
    found: Share


@dataclass(frozen=True)
class Remark:
    """What else to know about the lists: in two words, and in a sentence."""

    title: str
    sentence: str


@dataclass(frozen=True)
class Worth:
    """Everything that was measured, ready to show.

    Attributes
    ----------
    useful
        Of 100 on the list, how many had the outcome.
    found
        Of 100 with the outcome, how many were on the list.
    dates, moments
        The test dates one by one, and the earlier moments at which it was tried.
    """

    useful: Share
    found: Share
    compared: tuple[Compared, ...]
    remarks: tuple[Remark, ...]
    dates: tuple[ReviewDate, ...]
    moments: tuple[ReviewDate, ...]


def worth_of(measured: Measured, bags: int, language: Language = "fr") -> Worth:
    """Say what was measured of a model that was fitted as so many bags."""
    own, speech = measured.own, Speech(language)
    beside = [measured.own, measured.best_rule, measured.yardstick]
    return Worth(
        useful=_share(own["precision_at_capacity"]),
        found=_share(own["recall_at_capacity"]),
        compared=tuple(_compared(line, own, speech) for line in beside if line is not None),
        remarks=tuple(_remarks(measured, bags, speech)),
        dates=tuple(_review_date(one) for one in own["dates"]),
        moments=tuple(
            ReviewDate(
                date.fromisoformat(split["origin"]),
                None,
                None,
                _share(split["precision"]),
                _share(split["recall"]),
            )
            for split in own["splits"]
        ),
    )


def _share(value: float | None) -> Share:
    return Share(None if value is None else round(HUNDRED * value))


def _compared(line: Line, own: Line, speech: Speech) -> Compared:
    name = family_name(line["family"], speech.language)
    return Compared(
        who=speech.say("ce modèle") if line is own else name,
        own=line is own,
        useful=_share(line["precision_at_capacity"]),
        found=_share(line["recall_at_capacity"]),
        ordered=_share(line["auc"]),
    )


def _review_date(one: dict[str, Any]) -> ReviewDate:
    # A share of a few situations says more about them than about the list.
    return ReviewDate(
        day=date.fromisoformat(one["as_of"]),
        listed=one["listed"],
        known=one["labelled"],
        useful=_share(one["precision"] if _may_be_told(one) else None),
        # Of how many is not said: nothing on the page makes a number of it.
        found=_share(one["recall"] if one["eligible_positives"] >= K else None),
    )


def _may_be_told(one: dict[str, Any]) -> bool:
    """Say whether the share with the outcome, beside how many are known, counts no few."""
    known, share = one["labelled"], one["precision"]
    if not known or share is None:
        return False
    numbers = np.array([round(share * known), known - round(share * known)])
    hidden = withheld(numbers, numbers < K, np.eye(2), np.zeros(2, np.int64))
    return not hidden.any()


def _remarks(measured: Measured, bags: int, speech: Speech) -> Iterator[Remark]:
    own = measured.own
    worst = next((s for s in own["splits"] if s["origin"] == own["worst_split"]), None)
    if worst is not None:
        yield Remark(
            speech.say("Au moins bon moment"),
            speech.say(
                "Le modèle a été appris puis mesuré à %(moments)s. Au moins bon, à partir du "
                "%(day)s, sur 100 situations qui ont connu l'événement, environ %(found)s étaient "
                "sur la liste.",
                moments=speech.count(len(own["splits"]), "moment", "moments"),
                day=speech.day(date.fromisoformat(worst["origin"])),
                found=_share(worst["recall"]).per_100,
            ),
        )
    gap = _share(own["gap_to_yardstick"]).per_100
    if measured.yardstick is not None and gap is not None:
        yield Remark(
            speech.say("Ce que coûte la lisibilité"),
            speech.say(
                "La boîte noire, que personne ne peut lire et qui ne sert jamais, range bien "
                "%(pairs)s de plus sur 100."
                if gap > 0
                else "La boîte noire, que personne ne peut lire et qui ne sert jamais, ne range "
                "pas mieux les situations.",
                pairs=speech.count(gap, "paire", "paires"),
            ),
        )
    ties = _share(own["tie_spread"]).per_100
    if ties is not None:
        yield Remark(
            speech.say("Ce que décide un tirage"),
            speech.say(
                "Quand plusieurs situations ont la même estimation, un tirage les départage. Entre "
                "le tirage le plus et le moins favorable, la différence est de %(moved)s sur 100 "
                "listées.",
                moved=speech.count(ties, "situation", "situations")
                if ties
                else speech.say("moins de 1 situation"),
            ),
        )
    steady = _share(own["overlap"]).per_100
    if steady is not None:
        yield Remark(
            speech.say("D'une date à la suivante"),
            speech.say(
                "Sur 100 places, environ %(steady)s reviendraient aux mêmes personnes à la date "
                "suivante, s'il n'y avait pas de pause entre deux signaux.",
                steady=steady,
            ),
        )
    firm = _share(own["bag_agreement"]).per_100
    if firm is not None:
        yield Remark(
            speech.say("Si l'on avait appris sur d'autres foyers"),
            speech.say(
                "Le modèle a été appris %(times)s, chaque fois sans une partie des foyers : "
                "sur ses 100 premières places, environ %(firm)s restent les mêmes.",
                times=speech.count(bags, "fois", "fois"),
                firm=firm,
            ),
        )
    known = _share(own["labelled_share"]).per_100
    if known is not None:
        yield Remark(
            speech.say("Ce dont la suite est connue"),
            speech.say(
                "La suite est connue pour environ %(known)s situations listées sur 100 ; les "
                "autres ne sont comptées ni pour ni contre.",
                known=known,
            ),
        )
    first = _share(own["first_time_share"]).per_100
    if first is not None:
        yield Remark(
            speech.say("Des personnes déjà listées"),
            speech.say(
                "Sur 100 situations listées, environ %(first)s le sont pour la première fois.",
                first=first,
            ),
        )
