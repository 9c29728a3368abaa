"""What a report tells around the findings, as plain records.

Each part is found by a module of its own and told by :mod:`audits.report`; every part may be
absent, as for a vendor's file of which only the predictions are known. Standard library only.
Shares are in [0, 1]; a number that statistical secrecy withholds is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class DataSheet:
    """What the model learnt from and what it was measured on.

    Parameters
    ----------
    train_base_rate, test_base_rate
        Shares of the labelled rows with the outcome; None where few persons tell them.
    unknown
        Attribute and share of the audited persons of whom it is not known; an attribute of
        which that is withheld is left out.
    set_aside
        Codes of events that no feature counts, because the training had none of them.
    """

    extracted_on: date
    train_from: date
    train_until: date
    train_persons: int
    train_rows: int
    train_base_rate: float | None
    test_from: date
    test_until: date
    test_persons: int
    test_rows: int
    test_base_rate: float | None
    features: int
    unknown: tuple[tuple[str, float], ...]
    set_aside: tuple[str, ...]


@dataclass(frozen=True)
class GroupDelay:
    """How late the outcome was recorded in one group: days, and share later than 7 days.

    ``persons`` with at least one outcome stand behind it; what is withheld is None.
    """

    attribute: str
    value: str
    persons: int | None
    median_days: float | None
    late_share: float | None


@dataclass(frozen=True)
class LabelCard:
    """What the outcome is, who recorded it and how late.

    Parameters
    ----------
    kind
        ``event`` or ``silence``, as in the protocol.
    unknown_share
        Share of the audited rows whose label is null.
    median_days, late_share
        Days between an outcome (for ``silence``: a fact that breaks it) and its record; share
        recorded more than 7 days later, to a whole percent. None where the data give no second
        date, or few persons stand behind it.
    groups
        The same by group: a group recorded later is audited on a poorer truth.
    """

    outcome: str
    kind: str
    codes: tuple[str, ...]
    competing_codes: tuple[str, ...]
    horizon_days: int
    unknown_share: float
    median_days: float | None
    late_share: float | None
    groups: tuple[GroupDelay, ...]


@dataclass(frozen=True)
class ProxyFeature:
    """How well one feature alone tells a group: AUC above one half, in [0.5, 1]."""

    title: str
    column: str
    auc: float


@dataclass(frozen=True)
class Proxy:
    """How well the features together tell one group from all others.

    ``auc`` is measured on persons that were not fitted on, with its 95% interval; ``score``
    is the AUC of the model's own estimate: above one half where the group has the higher ones,
    below where it has the lower ones. ``features`` tell the group alone, beyond chance. None
    and empty where too few persons are in the group, or outside it.
    """

    attribute: str
    value: str
    auc: float | None
    low: float | None
    high: float | None
    score: float | None
    features: tuple[ProxyFeature, ...]


@dataclass(frozen=True)
class MissingProxy:
    """One feature that is missing more often in one group than elsewhere.

    ``share`` and ``elsewhere`` are shares of persons without a value, ``low`` and ``high`` the
    interval of their difference; at 95% all those of an audit hold together. Whole percents.
    """

    attribute: str
    value: str
    title: str
    column: str
    share: float
    elsewhere: float
    low: float
    high: float


@dataclass(frozen=True)
class Stability:
    """How much the list depends on chance.

    Parameters
    ----------
    bags
        Fits that each left out one part of the people.
    shared, shared_least
        Share of the places that a fit gives to the same situations as the model: mean, least.
    listed_again
        Share of the places whose person would have held one at the date before too, were there
        no rest between two signals.
    """

    bags: int
    shared: float
    shared_least: float
    listed_again: float | None


@dataclass(frozen=True)
class Shift:
    """How far one distribution moved since the training.

    ``psi`` is the population stability index over the model table's own bins: below 0.1
    little, above 0.25 much. ``chance`` is what it reaches one time in twenty with so many
    persons though nothing moves.
    """

    title: str
    column: str
    psi: float
    chance: float = 0.0


@dataclass(frozen=True)
class Drift:
    """What moved between the training and the audited dates, the most moved feature first."""

    score_psi: float
    features: tuple[Shift, ...]
    moved: int
    """Features with an index above 0.25, and above what chance reaches."""
    base_rate_before: float | None
    base_rate_since: float | None


@dataclass(frozen=True)
class TradeOffPoint:
    """One fit under a constraint of equal recall: what it finds, and its largest gap.

    Both to a whole percent, among the groups large enough to be compared. ``strength`` orders
    the points of one method: of ``GridSearch``, how many times the free learner's gaps it was
    charged; of ``ExponentiatedGradient``, the difference it allows. ``model`` marks the audited
    model itself and ``free`` the same learner without a constraint.
    """

    method: str
    strength: float
    recall: float
    gap: float
    model: bool = False
    free: bool = False


@dataclass(frozen=True)
class TradeOff:
    """What equal recall would cost for one attribute, on the audited dates."""

    attribute: str
    points: tuple[TradeOffPoint, ...]


@dataclass(frozen=True)
class ShareLine:
    """One counted share with its 95% interval; all None where withheld.

    ``counted`` of ``of`` persons. ``share``, ``low`` and ``high`` are whole percents, as
    numbers in [0, 1]; the interval allows for persons of one educator being alike.
    """

    counted: int | None
    of: int | None
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class HumanGroup:
    """What happened to the situations with a signal of one group, step by step.

    Parameters
    ----------
    persons
        Persons accompanied. None where withheld.
    shown
        Of those accompanied: an educator opened the page of a situation with a signal.
    agreed
        Of those shown: decided in the sense of the signal (an offer, already in hand, to be
        talked over with the person or the team).
    dismissed
        Of those shown: the signal was said not to be relevant. The rest is undecided,
        "nothing for now" or handled outside the tool.
    offered
        Of those shown: something was offered.
    accepted
        Of those who answered an offer: accepted. Withheld as long as no answers are recorded.
    """

    attribute: str
    value: str
    persons: int | None
    shown: ShareLine
    agreed: ShareLine
    dismissed: ShareLine
    offered: ShareLine
    accepted: ShareLine


@dataclass(frozen=True)
class HumanSide:
    """What educators did with what was put before them.

    Parameters
    ----------
    situations, persons, educators
        Situations put before educators or opened by them, the persons they are about, and
        the educators behind them. None where withheld; shares below count each person once.
    groups
        Per attribute and group: shown among those accompanied, then among those shown.
    with_signal, without_signal
        Own view "rather yes", before anything was revealed, where there was a signal and
        where the situation had been drawn at random.
    followed
        Of decided signals: the decision was in the sense of the signal.
    missed
        Of the random controls that were looked at: the educator would have wished to look.
        Counted as in ``without_signal``; the share and its interval are weighted by the
        inverse of the probability of being drawn, so that they are about everybody without
        a signal, and may differ from ``counted / of``. Against educators' views only: it is
        not what would have happened without help.
    self_opened
        Situations that educators opened themselves, and how many of them led to an offer.
        They are no sample: a share among them is about nobody else.
    yielded
        Of decided signals with the own view "rather no": an offer all the same, which is
        over-agreement.
    alarms
        Sentences' keys: ``agrees_with_everything`` where at least 95% of at least 30 decided
        signals were followed. Told even where ``followed`` is withheld for it.
    """

    situations: int | None
    persons: int | None
    educators: int | None
    groups: tuple[HumanGroup, ...]
    with_signal: ShareLine
    without_signal: ShareLine
    followed: ShareLine
    missed: ShareLine
    self_opened: ShareLine
    yielded: ShareLine
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Surroundings:
    """All that is told around the findings; None and empty where there is nothing to tell."""

    data_sheet: DataSheet | None = None
    label_card: LabelCard | None = None
    proxies: tuple[Proxy, ...] = ()
    missing: tuple[MissingProxy, ...] = ()
    stability: Stability | None = None
    drift: Drift | None = None
    trade_offs: tuple[TradeOff, ...] = ()
    human: HumanSide | None = None
