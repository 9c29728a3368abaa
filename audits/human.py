"""How people decided: what educators did with what was put before them, group by group.

**What is counted is persons.** A person with several situations of one kind is counted with
one of them: the first of those that went furthest (displayed, own view, reveal, decision).
What was thought or decided plays no part in that choice. Counts of persons are what
statistical secrecy protects, and persons can be taken as independent of each other.

**What is derived** from a decision is derived in :data:`AGREED` and :data:`DISMISSED`.

**Intervals** are Clopper and Pearson's on an effective number of persons [1]_: persons seen
by one educator resemble each other, and random controls are drawn with different
probabilities; both leave fewer independent persons than were counted.

**Secrecy.** A share is told where at least k persons are in it, at least k of its
denominator are not, and at least k educators stand behind its denominator. Groups are then
told from the largest down, as long as what is left untold of the attribute is itself large
enough and no smaller count is a linear combination of what is told (S21, S24). These counts
lie within one another, so that :func:`audits.suppression.withheld`, which mends each table
by itself, would leave "agreed, nothing offered" to be subtracted. There is no figure by
educator or by team, and the table has no time of reading (S36).

References
----------
.. [1] Korn & Graubard 1998, Confidence intervals for proportions with small expected number
   of positive counts estimated from survey data, Survey Methodology 24.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from scipy.special import betaincinv, stdtrit  # type: ignore[import-untyped]

from audits.predictions import UNKNOWN
from audits.surroundings import HumanGroup, HumanSide, ShareLine
from features.errors import RebondError

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Part = tuple[str, ...]
"""A set of persons, without those of the sets named after it."""

AGREED = frozenset({"offer", "in_hand", "talk_first", "team"})
"""Decisions that follow a signal: something is offered, or already being done, or prepared."""

DISMISSED = frozenset({"wrong_data", "missing_context", "not_relevant"})
"""Decisions that say a signal is not relevant. "Nothing for now" is neither, and neither is
what was handled outside the tool without a decision."""

OFFERED = "offer"
AGREES_WITH_EVERYTHING = "agrees_with_everything"
ALARM_SHARE, ALARM_PERSONS = 0.95, 30
CONFIDENCE = 0.95
ROUNDING = 1e-8

SIGNAL, CONTROL, SELF_OPENED = "signal", "control", "self_opened"
OPINIONS = ("yes", "no", "unknown")
DECISIONS = (*sorted(AGREED | DISMISSED), "nothing_now")
ANSWERS = ("accepted", "preferred_otherwise", "not_now")


class InvalidSituations(RebondError):
    """The table of situations breaks its contract; the message says where."""


def _in_order(table: pd.DataFrame) -> pd.Series:
    """Say of each row whether no act stands without the one before it (S2)."""
    viewed, decided = table["opinion"].notna(), table["decision"].notna()
    return (
        (table["shown"] | ~viewed)
        & (viewed | ~table["revealed"])
        & (table["revealed"] | ~decided)
        & (table["decision"].eq(OFFERED) | table["answer"].isna())
        & (table["educator"].notna() | ~viewed)
    )


SITUATIONS = pa.DataFrameSchema(
    {
        "person": pa.Column(str, coerce=True),
        "kind": pa.Column(str, pa.Check.isin([SIGNAL, CONTROL, SELF_OPENED]), coerce=True),
        "opened_on": pa.Column("datetime64[ns]", coerce=True),
        "shown": pa.Column(bool, coerce=True),
        "opinion": pa.Column(str, pa.Check.isin(OPINIONS), nullable=True, coerce=True),
        "revealed": pa.Column(bool, coerce=True),
        "decision": pa.Column(
            str,
            pa.Check.isin(DECISIONS),
            nullable=True,
            coerce=True,
        ),
        "answer": pa.Column(str, pa.Check.isin(ANSWERS), nullable=True, coerce=True),
        "educator": pa.Column(str, nullable=True, coerce=True),
        "probability": pa.Column(float, pa.Check.in_range(0, 1, include_min=False), coerce=True),
    },
    checks=pa.Check(_in_order, error="an act stands without the one that comes before it"),
    strict=True,
)
"""One row per situation.

``shown``: displayed to an educator. ``opinion``: own view, before anything was revealed.
``answer``: what the person said to an offer, missing until there is a follow-up.
``educator``: an opaque code of who gave the view or, before one, of whose queue it is in;
only ever counted. ``probability``: of being drawn, 1 for a place that was not drawn. A
column for the team is refused: nothing here may be told by team.
"""

LINES = {
    "shown": ("accompanied", "shown"),
    "agreed": ("shown", "agreed"),
    "offered": ("shown", "offered"),
    "dismissed": ("shown", "dismissed"),
    "accepted": ("answered", "accepted"),
}
"""Told per group, in this order of importance: the set of persons, and who of them."""

TOTALS = {
    "with_signal": ("viewed", "wished"),
    "followed": ("decided", "agreed"),
    "without_signal": ("control_viewed", "control_wished"),
    "missed": ("control_viewed", "control_wished"),
    "self_opened": ("opened", "opened_offered"),
    "yielded": ("doubted", "yielded"),
}
"""Told of everybody together."""

BEHIND = {
    "shown": SIGNAL,
    "viewed": SIGNAL,
    "decided": SIGNAL,
    "doubted": SIGNAL,
    "answered": SIGNAL,
    "control_viewed": CONTROL,
    "opened": SELF_OPENED,
}
"""Sets that exist by educators' acts, and the kind of situation acted on."""

RESTS: tuple[Part, ...] = (
    ("accompanied", "looked_at"),
    ("shown", "agreed", "dismissed"),
    ("agreed", "offered"),
    ("offered", "answered"),
    ("viewed", "wished", "doubted"),
    ("decided", "doubted"),
    ("decided", "agreed", "dismissed"),
    ("offered", "yielded"),
)
"""What subtracting told sets leaves, and what it says of the few persons in it: nobody being in
it is no secret. How many wait for a view or a decision is the service's own work, and none."""

NOTHING = ShareLine(None, None, None, None, None)


def human_side(
    situations: pd.DataFrame,
    attributes_by_person: pd.DataFrame,
    population: Sequence[str],
    *,
    k: int,
) -> HumanSide:
    """Tell how people decided, as far as statistical secrecy allows.

    Parameters
    ----------
    situations
        As :data:`SITUATIONS`.
    attributes_by_person
        One row a person (index), one column an attribute. Persons who are not in it, or
        without a value, are "inconnu".
    population
        Pseudonyms of everybody accompanied in the time of these situations; persons with a
        situation are added.
    k
        Least number of persons and of educators behind a figure.

    Returns
    -------
    HumanSide
        Everything withheld is None. Groups are sorted by value, "inconnu" last.

    Raises
    ------
    InvalidSituations
        The table breaks its contract, or a person has two rows of attributes.
    """
    table = _checked(situations, attributes_by_person)
    people = _People.of(table, attributes_by_person, population)
    secrecy = _Secrecy(people, k)
    looked_at = secrecy.tells(("looked_at",))
    totals = {
        name: people.share(name, of, counted)
        if secrecy.tells((of,), (counted,), (of, counted))
        else NOTHING
        for name, (of, counted) in TOTALS.items()
    }
    persons, educators = int(table["person"].nunique()), int(table["educator"].nunique())
    repeated = int((table["person"].value_counts() > 1).sum())
    return HumanSide(
        situations=len(table) if looked_at and (repeated == 0 or repeated >= k) else None,
        persons=persons if looked_at else None,
        educators=educators if educators >= k else None,
        groups=_groups(people, secrecy),
        **totals,
        alarms=_alarms(people, k),
    )


def _checked(situations: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    if attributes.index.has_duplicates:
        raise InvalidSituations(
            "A person has several rows of attributes; expected one row a person: drop the others."
        )
    try:
        return SITUATIONS.validate(situations.reset_index(drop=True), lazy=True)
    except pa.errors.SchemaErrors as faults:
        cases = faults.failure_cases[["column", "check"]].drop_duplicates()
        found = "; ".join(f"{column}: {check}" for column, check in cases.itertuples(index=False))
        raise InvalidSituations(
            f"The table of situations breaks its contract ({found}). Expected the columns "
            f"{', '.join(SITUATIONS.columns)} and no other, acts in their order."
        ) from faults


def _one_each(table: pd.DataFrame, kind: str, persons: pd.Index) -> pd.DataFrame:
    """Return each person's situation of one kind, all missing where there is none."""
    some = table[table["kind"] == kind]
    done = [some["shown"], some["opinion"].notna(), some["revealed"], some["decision"].notna()]
    reached = sum(step.astype(int) for step in done)
    # Further columns order what happened on one day, so that no order of rows matters.
    others = [name for name in table.columns if name not in ("person", "kind", "opened_on")]
    some = some.assign(reached=-reached).sort_values(["reached", "opened_on", *others])
    return some.drop_duplicates("person").set_index("person").reindex(persons)


def _sets(signal: pd.DataFrame, control: pd.DataFrame, opened: pd.DataFrame) -> pd.DataFrame:
    """Say who is in which set, from each person's situation of each kind, if there is one."""
    no = signal["opinion"].eq("no")
    return pd.DataFrame(
        {
            "accompanied": True,
            "looked_at": signal["kind"].notna() | control["kind"].notna() | opened["kind"].notna(),
            "shown": signal["shown"].eq(True),
            "viewed": signal["opinion"].notna(),
            "wished": signal["opinion"].eq("yes"),
            "decided": signal["decision"].notna(),
            "agreed": signal["decision"].isin(AGREED),
            "dismissed": signal["decision"].isin(DISMISSED),
            "offered": signal["decision"].eq(OFFERED),
            "answered": signal["answer"].notna(),
            "accepted": signal["answer"].eq("accepted"),
            "doubted": no & signal["decision"].notna(),
            "yielded": no & signal["decision"].eq(OFFERED),
            "control_viewed": control["opinion"].notna(),
            "control_wished": control["opinion"].eq("yes"),
            "opened": opened["kind"].notna(),
            "opened_offered": opened["decision"].eq(OFFERED),
        }
    ).astype(bool)


@cache
def _everything_possible() -> pd.DataFrame:
    """Return the sets of every course that situations of a person can take."""
    courses: list[tuple[object, ...]] = [(None,) * 5]
    courses += [(SIGNAL, shown, None, None, None) for shown in (False, True)]
    for opinion in OPINIONS:
        courses += [(SIGNAL, True, opinion, decision, None) for decision in (None, *DECISIONS)]
        courses += [(SIGNAL, True, opinion, OFFERED, answer) for answer in ANSWERS]
    columns = ["kind", "shown", "opinion", "decision", "answer"]
    all_three = pd.MultiIndex.from_product([range(len(courses))] * 3)
    return _sets(
        *(
            pd.DataFrame(
                [courses[course] for course in all_three.get_level_values(kind)], columns=columns
            )
            for kind in range(3)
        )
    ).drop_duplicates()


@dataclass(frozen=True)
class _People:
    """Everybody, each as one cell: a combination of attributes × what happened.

    ``combos`` has one row per combination of attributes, ``journeys`` says of each set which
    patterns of sets are in it; ``combo`` and ``journey`` place the P persons. ``educator``
    (a code, -1 for nobody) is given per kind of situation, ``weight`` is that of a control.
    """

    combos: pd.DataFrame
    journeys: dict[str, Bools]
    combo: npt.NDArray[np.intp]
    journey: npt.NDArray[np.intp]
    educator: dict[str, npt.NDArray[np.int64]]
    weight: Floats

    @classmethod
    def of(
        cls, table: pd.DataFrame, attributes: pd.DataFrame, population: Iterable[str]
    ) -> _People:
        persons = pd.Index(sorted({*population, *table["person"]}), dtype="str")
        values = attributes.reindex(persons).reset_index(drop=True)
        for name in values.columns:
            text = values[name].astype("str").str.strip()
            values[name] = text.mask(values[name].isna() | (text == ""), UNKNOWN)
        one = {kind: _one_each(table, kind, persons) for kind in (SIGNAL, CONTROL, SELF_OPENED)}
        happened = _sets(*one.values())
        combo, combos = _patterns(values)
        # What nobody did could have been done: that nobody did is not known beforehand.
        patterns, journeys = _patterns(pd.concat([happened, _everything_possible()]))
        return cls(
            combos,
            {name: journeys[name].to_numpy(bool) for name in journeys},
            combo,
            patterns[: len(persons)],
            {kind: pd.factorize(rows["educator"])[0] for kind, rows in one.items()},
            1 / one[CONTROL]["probability"].fillna(1.0).to_numpy(np.float64),
        )

    @property
    def everybody(self) -> Bools:
        return np.ones(len(self.combos), dtype=bool)

    def where(self, part: Part) -> Bools:
        """Return which journeys are in a part."""
        first, *others = part
        inside = self.journeys[first]
        for other in others:
            inside = inside & ~self.journeys[other]
        return inside

    def members(self, unit: Bools, part: Part) -> Bools:
        """Return who of a unit (a choice of combinations) is in a part, shape (P,)."""
        inside: Bools = unit[self.combo] & self.where(part)[self.journey]
        return inside

    def size(self, unit: Bools, part: Part = ("accompanied",)) -> int:
        return int(unit @ self.cells @ self.where(part))

    @cached_property
    def cells(self) -> npt.NDArray[np.int64]:
        """Persons by combination and journey."""
        counts = np.zeros((len(self.combos), len(self.where(("accompanied",)))), dtype=np.int64)
        np.add.at(counts, (self.combo, self.journey), 1)
        return counts

    def educators(self, unit: Bools, part: Part) -> int:
        """Count the educators behind a set that exists by their acts."""
        behind = self.educator[BEHIND[part[0]]][self.members(unit, part)]
        return len(np.unique(behind[behind >= 0]))

    def share(self, name: str, of: str, counted: str, unit: Bools | None = None) -> ShareLine:
        """Estimate one share; only that of missed situations is weighted by the draw."""
        unit = self.everybody if unit is None else unit
        inside = self.members(unit, (of,))
        hits = self.members(unit, (counted,))[inside]
        clusters = self.educator[BEHIND[of]][inside] if of in BEHIND else None
        weights = self.weight[inside] if name == "missed" else np.ones(len(hits))
        share, low, high = (round(value, 2) for value in interval(hits, weights, clusters))
        return ShareLine(int(hits.sum()), len(hits), share, low, high)


def _patterns(rows: pd.DataFrame) -> tuple[npt.NDArray[np.intp], pd.DataFrame]:
    """Return the distinct rows, sorted, and which of them each row is."""
    if rows.columns.empty:
        return np.zeros(len(rows), dtype=np.intp), pd.DataFrame(index=range(1))
    number = rows.groupby(list(rows.columns), sort=True).ngroup().to_numpy(np.intp)
    distinct = rows.assign(number=number).drop_duplicates("number").sort_values("number")
    return number, distinct.drop(columns="number").reset_index(drop=True)


def interval(
    hits: Bools, weights: Floats, clusters: npt.NDArray[np.int64] | None
) -> tuple[float, float, float]:
    """Estimate a share with its 95% interval, with fewer persons where they are not alike.

    The variance of the weighted share is taken over clusters and turned into the number of
    independent persons that would have it, at least one and at most as many as there are;
    the limits are Clopper and Pearson's for that number. With persons alike by educator
    (correlation 0.2, 12 to 40 educators of equal or very unequal numbers of persons) 95% or
    more of such intervals hold the truth, of those that take persons for independent 62 to
    92%.

    Parameters
    ----------
    hits
        (n,) at least one true and one false.
    weights
        (n,) above 0, inverse probabilities of being drawn.
    clusters
        (n,) the educator of each person, -1 for nobody; None where each person stands alone.

    Returns
    -------
    tuple of float
        Share, low and high, in [0, 1].
    """
    n, total = len(hits), weights.sum()
    share = float(weights[hits].sum() / total)
    residual = weights * (hits - share) / total
    clusters = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    sums = np.bincount(clusters, residual)
    # As many clusters as there would be if all had the same weight.
    groups = total**2 / (np.bincount(clusters, weights) ** 2).sum()
    effective = float(n)
    if len(sums) > 1 and (variance := groups / (groups - 1) * (sums @ sums)) > 0:
        upper = (1 + CONFIDENCE) / 2
        fewer = (stdtrit(n - 1, upper) / stdtrit(groups - 1, upper)) ** 2
        alike = variance / (share * (1 - share) / (n - 1))
        effective = min(effective, max(1.0, n / alike * fewer))
    tail, reached = (1 - CONFIDENCE) / 2, share * effective
    low = betaincinv(reached, effective - reached + 1, tail)
    high = betaincinv(reached + 1, effective - reached, 1 - tail)
    return share, float(low), float(high)


class _Secrecy:
    """What has been told so far, and what must not be found from it.

    Counts are sums over cells (combination × journey), that is vectors; one is found out when
    it is a linear combination of told ones. Protected is, for everybody, every group and every
    combination of groups, each part with too few persons or educators.
    """

    def __init__(self, people: _People, k: int) -> None:
        self.people, self.k = people, k
        lines = dict.fromkeys([*LINES.values(), *TOTALS.values()])
        self.parts: tuple[Part, ...] = tuple(
            dict.fromkeys(
                [
                    ("accompanied",),
                    ("looked_at",),
                    *((name,) for line in lines for name in line),
                    *lines,
                    *RESTS,
                ]
            )
        )
        # Coordinates that keep what is a linear combination of what, and are few.
        where = {part: people.where(part).astype(np.float64) for part in self.parts}
        axes = _basis(np.array(list(where.values())))
        self.part = {part: axes @ vector for part, vector in where.items()}
        units = [unit for name in people.combos for unit in _units(people, name).values()]
        units = [people.everybody, *units]
        self.unit_axes = _basis(np.array(units, dtype=np.float64))
        # Of the finest combinations, only those that groups give by subtraction can be found.
        given = (self.unit_axes**2).sum(axis=0) > 1 - ROUNDING
        units += list(np.eye(len(people.combos), dtype=bool)[given])
        self.told = np.zeros((0, len(self.unit_axes) * len(axes)))
        self.hidden = np.zeros_like(self.told)
        # Those accompanied are everybody: no secret, and known before anything is told.
        self.tells(("accompanied",))
        self.hidden = self._beside_told(np.vstack([self._secrets(unit) for unit in units]))

    def enough(self, unit: Bools, part: Part) -> bool:
        """Say whether a part of a unit is large enough to be told by itself."""
        size = self.people.size(unit, part)
        if part in RESTS and size == 0:
            return True
        behind = part[0] in BEHIND and len(part) == 1
        return size >= self.k and (not behind or self.people.educators(unit, part) >= self.k)

    def tells(self, *parts: Part, units: Sequence[Bools] = (), pool: Bools | None = None) -> bool:
        """Tell parts of units (default: everybody) unless that would give something away.

        ``pool`` is what is left untold of an attribute; it can be found from the total.
        """
        units = units or [self.people.everybody]
        left = [] if pool is None or not pool.any() else [pool]
        if not all(self.enough(unit, part) for unit in [*units, *left] for part in parts):
            return False
        fresh = _basis(self._beside_told([self._vector(u, p) for u in units for p in parts]))
        hidden = np.vstack(
            [self.hidden, *(self._beside_told(self._secrets(unit)) for unit in left)]
        )
        hidden = hidden - hidden @ fresh.T @ fresh
        if (np.abs(hidden).max(axis=1, initial=0) < ROUNDING).any():
            return False
        self.told, self.hidden = np.vstack([self.told, fresh]), hidden
        return True

    def _vector(self, unit: Bools, part: Part) -> Floats:
        return np.outer(self.unit_axes @ unit, self.part[part]).ravel()

    def _secrets(self, unit: Bools) -> Floats:
        few = [self._vector(unit, p) for p in self.parts if not self.enough(unit, p)]
        return np.array(few).reshape(len(few), self.told.shape[1])

    def _beside_told(self, vectors: Floats | list[Floats]) -> Floats:
        rows = np.array(vectors).reshape(len(vectors), self.told.shape[1])
        beside: Floats = rows - rows @ self.told.T @ self.told
        return beside


def _basis(rows: Floats) -> Floats:
    """Return an orthonormal basis of what the rows span."""
    _, singular, directions = np.linalg.svd(rows, full_matrices=False)
    basis: Floats = directions[singular > ROUNDING]
    return basis


def _units(people: _People, attribute: str) -> dict[str, Bools]:
    """Return the groups of one attribute as choices of combinations, "inconnu" last."""
    column = people.combos[attribute]
    values = sorted(column.unique(), key=lambda value: (value == UNKNOWN, value))
    return {value: (column == value).to_numpy(bool) for value in values}


def _groups(people: _People, secrecy: _Secrecy) -> tuple[HumanGroup, ...]:
    """Tell every line of every group that can be told, the more important lines first."""
    units = {name: _units(people, name) for name in people.combos}
    sizes = {name: _told(people, secrecy, units[name], ("accompanied",)) for name in units}
    base, lines = dict(sizes), {}
    for line, (of, counted) in LINES.items():
        for name, groups in units.items():
            within = {value: groups[value] for value in base[name]}
            parts = (of,), (counted,), (of, counted)
            told = _told(people, secrecy, groups, *parts, within=within)
            # Of whom it is not told how many were shown something, no more is told.
            base[name] = told if line == "shown" else told or base[name]
            for value in told:
                lines[name, value, line] = people.share(line, of, counted, groups[value])
    return tuple(
        HumanGroup(
            attribute=name,
            value=value,
            persons=people.size(unit) if value in sizes[name] else None,
            **{line: lines.get((name, value, line), NOTHING) for line in LINES},
        )
        for name, groups in units.items()
        for value, unit in groups.items()
    )


def _told(
    people: _People,
    secrecy: _Secrecy,
    groups: dict[str, Bools],
    *parts: Part,
    within: dict[str, Bools] | None = None,
) -> list[str]:
    """Tell parts of as many groups as possible, and leave the smallest untold."""
    possible = [
        value
        for value, unit in (groups if within is None else within).items()
        if all(secrecy.enough(unit, part) for part in parts)
    ]
    told = sorted(
        possible, key=lambda name: (-min(people.size(groups[name], part) for part in parts), name)
    )
    while told:
        pool = people.everybody
        for value in told:
            pool = pool & ~groups[value]
        if secrecy.tells(*parts, units=[groups[value] for value in told], pool=pool):
            return told
        told.pop()
    return told


def _alarms(people: _People, k: int) -> tuple[str, ...]:
    """Name what should make somebody look, where at least k educators stand behind it.

    An alarm is told even where the share is withheld: that next to nobody was dismissed is
    what it says, of all educators together and of no group.
    """
    everybody = people.everybody
    decided, agreed = (people.size(everybody, (name,)) for name in ("decided", "agreed"))
    enough = decided >= max(ALARM_PERSONS, k) and people.educators(everybody, ("decided",)) >= k
    return (AGREES_WITH_EVERYTHING,) if enough and agreed >= ALARM_SHARE * decided else ()
