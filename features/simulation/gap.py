"""How far one group's recall lies below everybody else's, as the product would find it.

Measured the way training and audit measure: the protocol's own features, review dates and
labels, a later test, lists at its capacity. Only the fit is written anew, in numpy alone,
because this room knows no learning library: a signed ridge logistic regression in which
nobody is judged by what has seen them. The share of warning events that has to go
unrecorded is searched with that same measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from features.block import DAY, NEVER, Block, micros
from features.catalogue import Feature, catalogue
from features.errors import RebondError
from features.kernel import measure
from features.point_in_time import EmptyCohort, Question, answer, gather, review_dates
from features.protocol import Protocol
from features.simulation.histories import (
    CODES,
    INDEX,
    INTERRUPTION,
    LOOSENING,
    MESSAGE,
    MISSED,
    NO_ANSWER,
    PUT_OFF,
    VISIT,
    Bools,
    Calendar,
    Floats,
    Ints,
    Persons,
    Stays,
)
from features.simulation.recording import Records

WARNINGS: tuple[str, ...] = (VISIT, MESSAGE, MISSED)
"""What a gap leaves unrecorded: visits, messages, missed appointments."""

WIDER: tuple[tuple[str, ...], ...] = (
    (*WARNINGS, NO_ANSWER, PUT_OFF),
    tuple(dict.fromkeys((*WARNINGS, PUT_OFF, *LOOSENING))),
)
"""What a gap leaves unrecorded that these three cannot open: more of what announces silence."""

# With nothing left the absence itself would tell who is in the group, and be learnt from.
_LEAST_HIDDEN, _MOST_HIDDEN, _HALVINGS = 0.30, 0.90, 7
_ABOUT, _CLOSE_ENOUGH = 0.05, 0.01
_REPLICATES, _CONFIDENCE = 1000, (0.025, 0.975)

# As the product's logistic family: its penalty, folds and scale; outliers end its lines.
_PENALTY, _FOLDS, _SETTLED = 50.0, 8, 1e-5
_LOGGED = {"count", "active_days", "since_last"}
_OUTERMOST = 0.995
# Sums in another order, on another machine, differ far below this and change no list.
_DECIMALS = 7


class GapOutOfReach(RebondError):
    """Even with all warning events of the group unrecorded the wanted gap is not reached."""


@dataclass(frozen=True)
class Hiding:
    """What share of which warning events of the group goes unrecorded, by code."""

    shares: Mapping[str, float]

    @classmethod
    def of(cls, codes: Sequence[str], share: float) -> Hiding:
        """Hide that share of every code, but no more visits than must be.

        A visit is a contact: unrecorded, it makes contact look rarer, which brings people
        onto the list.
        """
        return cls({c: _LEAST_HIDDEN if c == VISIT else share for c in codes})

    def hides(self, records: Records, persons: Persons, lots: Floats) -> Bools:
        """Say which records are hidden: the group's, by lot; shape (records,)."""
        share = np.array([self.shares.get(code, 0.0) for code in CODES])
        hidden: Bools = persons.interpreter[records.person] & (lots < share[records.code])
        return hidden


@dataclass(frozen=True)
class Gap:
    """Recall at capacity in the group and elsewhere, and how far apart they lie.

    Attributes
    ----------
    hiding
        What goes unrecorded.
    group, others
        Share of the situations with a recorded interruption that were on the list; None,
        as everything made of it, where there was none.
    low, high
        The middle 95% of ``others - group`` when people are drawn again.
    true_group, true_others
        The same lists, judged by what truly happened.
    """

    hiding: Hiding
    group: float | None
    others: float | None
    low: float | None
    high: float | None
    true_group: float | None
    true_others: float | None

    @property
    def size(self) -> float | None:
        """How far the group lies below everybody else, by recorded interruptions."""
        return _difference(self.others, self.group)

    @property
    def true_size(self) -> float | None:
        """How far the group lies below everybody else, by true interruptions."""
        return _difference(self.true_others, self.true_group)


def open_gap(
    wanted: float, yardstick: Yardstick | None, records: Records, persons: Persons, lots: Floats
) -> Gap:
    """Find what to hide so that the group's recall lies about ``wanted`` lower.

    Parameters
    ----------
    wanted
        Difference in recall, everybody else minus the group; 0 hides nothing, anything else
        at least 30% of the group's visits, messages and missed appointments.
    yardstick
        Measures; None where the histories are too short or too few for it.
    records, persons
        What was recorded, of whom.
    lots
        One uniform number per record, see :meth:`Hiding.hides`.

    Raises
    ------
    GapOutOfReach
        Even the most that may be hidden leaves the gap clearly smaller, or nobody's recall
        can be measured.
    """

    def measured(hiding: Hiding) -> Gap:
        if yardstick is None:
            return Gap(hiding, *[None] * 6)
        return yardstick.measure(hiding, hiding.hides(records, persons, lots))

    def miss(tried: Gap) -> float:
        return np.inf if tried.size is None else wanted - tried.size

    if not wanted:
        return measured(Hiding({}))
    codes, best = WARNINGS, measured(Hiding.of(WARNINGS, _MOST_HIDDEN))
    for more in WIDER:
        if miss(best) <= 0:
            break
        tried = measured(Hiding.of(more, _MOST_HIDDEN))
        if miss(tried) < miss(best):
            codes, best = more, tried
    if best.size is None or best.high is None or max(best.high, best.size + _ABOUT) < wanted:
        reached = "unmeasurable on so few people" if best.size is None else f"{best.size:.2f}"
        raise GapOutOfReach(
            f"a gap of {wanted:.2f} cannot be reached: with {_MOST_HIDDEN:.0%} of the warning "
            f"events of the group unrecorded it is {reached}; ask for less, or more people."
        )
    low, high = _LEAST_HIDDEN, _MOST_HIDDEN
    for _ in range(_HALVINGS):
        if abs(miss(best)) < _CLOSE_ENOUGH:
            break
        share = (low + high) / 2
        tried = measured(Hiding.of(codes, share))
        best = min(best, tried, key=lambda g: abs(miss(g)))
        low, high = (share, high) if miss(tried) > 0 else (low, share)
    return best


@dataclass(frozen=True)
class Yardstick:
    """Rows of (person, review date) with their features, labels and places.

    Attributes
    ----------
    block, source
        Every record known; ``source`` is the place of each of the block's events in them.
    in_group
        Shape (persons,).
    cohort
        Training rows, then test rows; ``training`` says how many the former are.
    values
        Shape (rows, features), nothing hidden.
    person, truly
        Shape (rows,): the row's person, and whether contact truly stops within the horizon.
    per_review
        Places of one review date, control places included.
    """

    protocol: Protocol
    block: Block
    source: Ints
    in_group: Bools
    cohort: pd.DataFrame
    training: int
    values: Floats
    person: Ints
    truly: Bools
    per_review: int
    seed: int

    @classmethod
    def of(
        cls,
        protocol: Protocol,
        records: Records,
        persons: Persons,
        stays: Stays,
        known_stays: pd.DataFrame,
        calendar: Calendar,
        *,
        share: float,
        seed: int,
    ) -> Yardstick | None:
        """Lay out training and test as the product does; None where there is nothing to.

        Parameters
        ----------
        protocol
            Written beside the histories.
        records
            Everything recorded by the last day, nothing hidden.
        persons, stays, calendar
            The truth.
        known_stays
            :data:`features.tables.STAYS`, for the same people.
        share
            These people's share among all who are simulated, and so of the places.
        seed
            Seeds the resampling of people.
        """
        names = np.unique(known_stays["person"].to_numpy(object))
        block, source = _block(records, names, calendar)
        extracted_on = calendar.day(calendar.last)
        horizon = timedelta(days=protocol.outcome.horizon_days)
        first = known_stays["entered_on"].min().date()
        mature = review_dates(protocol.cadence, first, extracted_on - horizon)
        if not mature:
            return None
        test_from = mature[-max(1, len(mature) // 3)]
        early = tuple(t for t in mature if t + horizon <= test_from)
        late = tuple(t for t in mature if t >= test_from)
        try:
            train, test = (
                gather(question, [answer(question, block, known_stays)])
                for question in (
                    Question(protocol, early, test_from, test_from, labelled=True),
                    Question(protocol, late, extracted_on, extracted_on + timedelta(days=1)),
                )
            )
        except EmptyCohort:
            return None
        if train.cohort["label"].nunique() < 2:  # noqa: PLR2004 - a label has two values
            return None
        cohort = pd.concat([train.cohort, test.cohort], ignore_index=True)
        person = np.searchsorted(names, cohort["person"].to_numpy(object))
        return cls(
            protocol=protocol,
            block=block,
            source=source,
            in_group=persons.interpreter,
            cohort=cohort,
            training=len(train.cohort),
            values=np.concatenate([train.values, test.values]),
            person=person,
            truly=_truly(cohort, person, stays, calendar, protocol.outcome.horizon_days),
            per_review=max(1, round(share * protocol.capacity.per_review)),
            seed=seed,
        )

    def measure(self, hiding: Hiding, hidden: Bools) -> Gap:
        """Measure both recalls with those records hidden, shape (records,)."""
        listed, eligible = self._listed(self._scores(self._values(hidden)))
        test = slice(self.training, None)
        label = self.cohort["label"].to_numpy(float)[test] == 1
        person = self.person[test]
        group = self.in_group[person]
        recalls: list[float | None] = []
        for outcome in (label, self.truly[test]):
            for side in (group, ~group):
                found = listed[eligible & outcome & side]
                recalls.append(float(found.mean()) if len(found) else None)
        counted = np.flatnonzero(eligible & label)
        low, high = _interval(person[counted], self.in_group, listed[counted], self.seed)
        return Gap(hiding, recalls[0], recalls[1], low, high, recalls[2], recalls[3])

    def _values(self, hidden: Bools) -> Floats:
        """Return the features without the hidden records; only the group's can have changed."""
        if not hidden.any():
            return self.values
        kept = np.flatnonzero(self.in_group[self.block.person] & ~hidden[self.source])
        block = replace(
            self.block,
            bounds=_bounds(self.block.person[kept], len(self.block.persons)),
            **{name: getattr(self.block, name)[kept] for name in _OF_EVENTS},
        )
        changed = self.in_group[self.person]
        as_of = micros(self.cohort["as_of"])[changed] // DAY
        values = self.values.copy()
        values[changed], _ = measure(block, catalogue(self.protocol), self.person[changed], as_of)
        return values

    def _scores(self, values: Floats) -> Floats:
        """Score the test rows, each by a fit that has not seen its person, shape (test rows,)."""
        features = catalogue(self.protocol)
        design, signs = _design(features, values, self.training)
        label = self.cohort["label"].to_numpy(float)[: self.training]
        fold = self.person % _FOLDS
        seen = slice(self.training)
        weights = _fit_signed(design[seen], label, fold[seen], signs)
        trained = np.zeros(len(self.in_group), bool)
        trained[self.person[: self.training]] = True
        test = slice(self.training, None)
        by_fold = design[test] @ weights
        own = by_fold[np.arange(len(by_fold)), fold[test]]
        scores: Floats = np.where(trained[self.person[test]], own, by_fold.mean(axis=1))
        return scores.round(_DECIMALS)

    def _listed(self, scores: Floats) -> tuple[Bools, Bools]:
        """Fill each test date's list in turn; say who was on it and who could have been."""
        capacity = self.protocol.capacity
        cohort = self.cohort.iloc[self.training :]
        day = cohort["as_of"].to_numpy("datetime64[D]").astype(np.int64)
        referent = pd.factorize(cohort["referent"])[0]
        person = self.person[self.training :]
        free_from = np.full(len(self.in_group), np.iinfo(np.int64).min)
        listed, eligible = np.zeros(len(scores), bool), np.zeros(len(scores), bool)
        for today in np.unique(day):
            free = np.flatnonzero((day == today) & (free_from[person] <= today))
            eligible[free] = True
            reach = capacity.per_referent * len(np.unique(referent[free]))
            places = min(self.per_review, reach) * (1 - capacity.control_share)
            ordered = free[np.argsort(-scores[free], kind="stable")]
            # A full referent is passed over: each keeps the first few of their own.
            own = pd.Series(referent[ordered]).groupby(referent[ordered]).cumcount()
            chosen = ordered[own.to_numpy() < capacity.per_referent][: int(places + 1e-9)]
            listed[chosen] = True
            free_from[person[chosen]] = today + capacity.repeat_days
        return listed, eligible


_OF_EVENTS = ("occurred", "recorded", "superseded", "code", "value")


def _block(
    records: Records, names: npt.NDArray[np.object_], calendar: Calendar
) -> tuple[Block, Ints]:
    """Return the records as the product holds them, and where each of its events came from."""
    order = np.lexsort((records.recorded, records.occurred, records.person))
    order = order[records.recorded[order] <= calendar.last]
    block = Block(
        persons=names,
        bounds=_bounds(records.person[order], len(names)),
        occurred=(records.occurred[order] + calendar.first) * DAY,
        recorded=(records.recorded[order] + calendar.first) * DAY,
        superseded=np.full(len(order), NEVER),
        code=records.code[order],
        codes=CODES,
        value=np.full(len(order), np.nan),
    )
    return block, order


def _bounds(person: Ints, number: int) -> Ints:
    """Return where each person's events begin among sorted ones, and where the last one's end."""
    return np.searchsorted(person, np.arange(number + 1))


def _truly(
    cohort: pd.DataFrame, person: Ints, stays: Stays, calendar: Calendar, horizon: int
) -> Bools:
    """Say at which rows the person's contact truly stops within the horizon, recorded or not."""
    ended = stays.ending == INDEX[INTERRUPTION]
    key = np.sort((stays.person[ended] << 20) + stays.end[ended])
    day = cohort["as_of"].to_numpy("datetime64[D]").astype(np.int64) - calendar.first
    low, high = (np.searchsorted(key, (person << 20) + day + ahead) for ahead in (0, horizon))
    stops: Bools = high > low
    return stops


def _design(
    features: Sequence[Feature], values: Floats, training: int
) -> tuple[Floats, npt.NDArray[np.float64]]:
    """Return scaled columns, a column of ones last, and the sign wanted of each.

    A feature has one column for its value and one for whether it is missing; what does not
    vary in the training rows has none.
    """
    columns, signs = [], []
    for feature, column in zip(features, values.T, strict=True):
        missing = np.isnan(column)
        known = column[:training][~missing[:training]]
        if len(known):
            value = np.where(missing, np.median(known), column)
            value = np.minimum(value, np.quantile(known, _OUTERMOST, method="higher"))
            columns += [np.log1p(value) if feature.measure in _LOGGED else value, missing]
            signs += [feature.sign, 0]
    design = np.column_stack(columns).astype(float)
    spread = design[:training].std(axis=0)
    varies = spread > 0
    scaled = (design - design[:training].mean(axis=0))[:, varies] / spread[varies]
    return np.column_stack([scaled, np.ones(len(scaled))]), np.append(np.array(signs)[varies], 0.0)


def _fit_signed(design: Floats, label: Floats, fold: Ints, signs: Floats) -> Floats:
    """Fit without columns that go against the protocol's sign, shape (columns, folds)."""
    kept = np.ones(design.shape[1], bool)
    weights = np.zeros(design.shape[1])
    while True:
        weights[kept] = _fit(design[:, kept], label, weights[kept])
        against = weights * signs < 0
        if not against.any():
            break
        kept &= ~against
        weights[against] = 0.0
    by_fold = np.zeros((design.shape[1], _FOLDS))
    by_fold[kept] = _without_each(design[:, kept], label, fold, weights[kept])
    return by_fold.round(_DECIMALS)


def _fit(design: Floats, label: Floats, weights: Floats) -> Floats:
    """Fit a ridge logistic regression by Newton's method; the last column is not penalised."""
    ridge = _ridge(weights)
    while True:
        slope, curvature = _pull(design, label, weights)
        step = np.linalg.solve(curvature + ridge, slope + ridge @ weights)
        weights = weights - step
        if np.abs(step).max() < _SETTLED:
            return weights


def _without_each(design: Floats, label: Floats, fold: Ints, weights: Floats) -> Floats:
    """Take each fold out again, by one Newton step from the fit to all, shape (columns, folds)."""
    parts = [_pull(design[fold == f], label[fold == f], weights) for f in range(_FOLDS)]
    slopes, curvatures = (np.array(part) for part in zip(*parts, strict=True))
    ridge = _ridge(weights)
    return np.column_stack(
        [
            weights
            - np.linalg.solve(
                curvatures.sum(axis=0) - curvatures[f] + ridge,
                slopes.sum(axis=0) - slopes[f] + ridge @ weights,
            )
            for f in range(_FOLDS)
        ]
    )


def _pull(design: Floats, label: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return slope and curvature of the summed log-loss."""
    chance = 1 / (1 + np.exp(-(design @ weights)))
    return design.T @ (chance - label), (design.T * (chance * (1 - chance))) @ design


def _ridge(weights: Floats) -> Floats:
    return np.diag(np.append(np.full(len(weights) - 1, _PENALTY), 0.0))


def _interval(
    person: Ints, in_group: Bools, found: Bools, seed: int
) -> tuple[float | None, float | None]:
    """Draw people again, and return the middle 95% of how far the group lies below."""
    who, number = np.unique(person, return_inverse=True)
    counts = np.column_stack([np.bincount(number, found), np.bincount(number)])
    rng = np.random.default_rng([seed, _REPLICATES])
    recalls = []
    for side in (~in_group[who], in_group[who]):
        if not side.any():
            return None, None
        drawn = rng.multinomial(side.sum(), np.full(side.sum(), 1 / side.sum()), _REPLICATES)
        hits, situations = (drawn @ counts[side]).T
        recalls.append(hits / situations)
    low, high = np.quantile(recalls[0] - recalls[1], _CONFIDENCE)
    return float(low), float(high)


def _difference(others: float | None, group: float | None) -> float | None:
    return None if others is None or group is None else others - group
