"""What a model is worth, said as one counts: of 100 situations, about so many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from markupsafe import Markup

from api.families import family_name
from api.measured import Line, Measured
from audits.suppression import K
from features.french import count, day

HUNDRED = 100
UNKNOWN = "non mesurable"


@dataclass(frozen=True)
class Share:
    """So many of 100, with a bar as long; None where it cannot be measured."""

    per_100: int | None

    @property
    def text(self) -> str:
        """``16 sur 100``."""
        return UNKNOWN if self.per_100 is None else f"{self.per_100} sur\u00a0100"

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


def worth_of(measured: Measured, bags: int) -> Worth:
    """Say what was measured of a model that was fitted as so many bags."""
    own = measured.own
    beside = [measured.own, measured.best_rule, measured.yardstick]
    return Worth(
        useful=_share(own["precision_at_capacity"]),
        found=_share(own["recall_at_capacity"]),
        compared=tuple(_compared(line, own) for line in beside if line is not None),
        remarks=tuple(_remarks(measured, bags)),
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


def _compared(line: Line, own: Line) -> Compared:
    name = family_name(line["family"])
    return Compared(
        who="ce modèle" if line is own else name,
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
        useful=_share(one["precision"] if one["labelled"] >= K else None),
        found=_share(one["recall"] if one["eligible_positives"] >= K else None),
    )


def _remarks(measured: Measured, bags: int) -> Iterator[Remark]:
    own = measured.own
    worst = next((s for s in own["splits"] if s["origin"] == own["worst_split"]), None)
    if worst is not None:
        yield Remark(
            "Au moins bon moment",
            f"Le modèle a été appris puis mesuré à "
            f"{count(len(own['splits']), 'moment', 'moments')}. Au moins bon, à partir du "
            f"{day(date.fromisoformat(worst['origin']))}, sur 100 situations qui ont connu "
            f"l'événement, environ {_share(worst['recall']).per_100} étaient sur la liste.",
        )
    gap = _share(own["gap_to_yardstick"]).per_100
    if measured.yardstick is not None and gap is not None:
        said = (
            f"range bien {count(gap, 'paire', 'paires')} de plus sur 100"
            if gap > 0
            else "ne range pas mieux les situations"
        )
        yield Remark(
            "Ce que coûte la lisibilité",
            f"La boîte noire, que personne ne peut lire et qui ne sert jamais, {said}.",
        )
    ties = _share(own["tie_spread"]).per_100
    if ties is not None:
        moved = "moins de 1 situation" if ties == 0 else count(ties, "situation", "situations")
        yield Remark(
            "Ce que décide un tirage",
            "Quand plusieurs situations ont la même estimation, un tirage les départage. Entre le "
            f"tirage le plus et le moins favorable, la différence est de {moved} sur 100 listées.",
        )
    steady = _share(own["overlap"]).per_100
    if steady is not None:
        yield Remark(
            "D'une date à la suivante",
            f"Sur 100 places, environ {steady} reviendraient aux mêmes personnes à la date "
            "suivante, s'il n'y avait pas de pause entre deux signaux.",
        )
    firm = _share(own["bag_agreement"]).per_100
    if firm is not None:
        yield Remark(
            "Si l'on avait appris sur d'autres foyers",
            f"Le modèle a été appris {bags} fois, chaque fois sans une partie des foyers : sur ses "
            f"100 premières places, environ {firm} restent les mêmes.",
        )
    known = _share(own["labelled_share"]).per_100
    if known is not None:
        yield Remark(
            "Ce dont la suite est connue",
            f"La suite est connue pour environ {known} situations listées sur 100 ; les autres "
            "ne sont comptées ni pour ni contre.",
        )
    first = _share(own["first_time_share"]).per_100
    if first is not None:
        yield Remark(
            "Des personnes déjà listées",
            f"Sur 100 situations listées, environ {first} le sont pour la première fois.",
        )
