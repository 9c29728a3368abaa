"""What was told before: two audits are not subtracted down to a few persons (S21).

The audit of today and that of last month are tables of nearly the same persons, and their
difference is a table too: of those who came, left or changed since. Where one person came, it
would say of what group they are and what became of them.

**Rule.** The figures of a section (everybody; one attribute or intersection; how people decided,
together and by attribute) are told anew where every count behind them, whether shown or withheld,
is as it was in each earlier telling or at least k away from it, and one of them moved. Else the
whole section stands as last told, so that not even which count moved is said. Of another model
tested from the same day, only how many persons a group has is compared: the rest is about other
lists, and about those whom these left to be listed. A model without figures of its own to stand is
told without the numbers of that attribute, and its shares in steps
(:func:`audits.secrecy.publish`).

**Cost.** In a small service the figures of one model are months old. The answers are never:
verdicts come from the exact data of the day, and the report says since when figures stand.

**Not covered.** That an answer changes tells that something moved. Persons are counted, not
compared: of who came and who left at once, only the difference is seen; and a person may add as
many rows as there are new review dates. Of two models, an outcome that was corrected between their
audits moves their shares; models tested from different days are different questions.

References
----------
Fraser and Wooton, "A proposed method for confidentialising tabular output to protect against
differencing" (2005), names the attack; their noise would be drawn anew for who is in the
difference, and so point at the groups that one more person is in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Protocol, TypeVar

import numpy as np
from pydantic import TypeAdapter

from audits.counts import CELLS, Grouping, Population
from audits.engine import Assessed
from audits.records import AuditResult, Finding
from audits.report.context import ListMeasures, Words
from audits.secrecy import about, unknown
from audits.suppression import K
from audits.surroundings import DataSheet, HumanSide, LabelCard, ShareLine, Surroundings
from features import english, french
from features.phrases import Language

EVERYBODY, DECISIONS = "", "decisions"
"""Sections besides those called like an attribute, and ``decisions of`` one."""

WHO = "persons"
"""What another model's audit counts too: how many are in a group, whatever its lists."""

Counts = dict[str, dict[str, int]]
"""By section, then by what is counted."""


@dataclass(frozen=True)
class Telling:
    """An audit as it is told, ready to be written."""

    result: AuditResult
    around: Surroundings
    capacity: ListMeasures | None = None


@dataclass(frozen=True)
class Told:
    """All that was told of one model so far.

    Its counts are exact, also of what is withheld: it is kept sealed and shown nowhere.

    Attributes
    ----------
    last
        What is told now.
    days
        By section, when it was last told anew.
    counts
        By section, what was counted each time it was told anew, oldest first.
    """

    last: Telling
    days: dict[str, date]
    counts: dict[str, tuple[dict[str, int], ...]]

    @property
    def tested_from(self) -> date | None:
        """Return the first day of the test."""
        sheet = self.last.around.data_sheet
        return None if sheet is None else sheet.test_from

    def as_bytes(self) -> bytes:
        """Give it as JSON, to be sealed."""
        return _TOLD.dump_json(self)

    @classmethod
    def of_bytes(cls, plain: bytes) -> Told:
        """Read what :meth:`as_bytes` gave."""
        return _TOLD.validate_json(plain)


_TOLD = TypeAdapter(Told)


def counts_of(assessed: Assessed) -> Counts:
    """Count everything that two audits could be subtracted by, nothing withheld."""
    population = assessed.population
    return {
        EVERYBODY: dict(_everybody(population)),
        **{one.name: dict(_by_group(population, one)) for one in assessed.groupings},
    }


def to_withhold(counts: Counts, own: Told | None, others: Iterable[Told]) -> frozenset[str]:
    """Name the tables whose numbers an audit of another model gives away by a few persons.

    Parameters
    ----------
    counts
        From :func:`counts_of`.
    own
        What was told of this model; what was told of it can stand instead.
    others
        What was told of other models that are tested from the same day.
    """
    earlier = list(others)
    return frozenset(
        section
        for section, now in counts.items()
        if section != EVERYBODY
        and not (own and section in own.counts)
        and any(
            _few_apart(_who(now), then) for told in earlier for then in _tellings(told, section)
        )
    )


def tell(
    now: Telling, counts: Counts, own: Told | None, others: Sequence[Told], *, on: date
) -> tuple[Told, frozenset[str]]:
    """Choose for each section what is told: the figures of today, or again those last told.

    Parameters
    ----------
    now
        What secrecy allows to tell of today alone.
    counts
        From :func:`counts_of`.
    own, others
        What was told of this model, and of others that are tested from the same day.
    on
        Today.

    Returns
    -------
    tuple
        What is told from now on; and the sections that stand though today's figures are others.
    """
    counts = _with_what_is_beside(counts, now)
    if own is None:
        told = _totals_of_others(now, counts[EVERYBODY], others)
        return Told(told, dict.fromkeys(counts, on), {name: (n,) for name, n in counts.items()}), (
            frozenset()
        )
    stands = {
        section
        for section, numbers in counts.items()
        if section in own.counts
        and (
            numbers == own.counts[section][-1]
            or any(_few_apart(numbers, then) for then in own.counts[section])
            or any(
                _few_apart(_who(numbers), then)
                for told in others
                for then in _tellings(told, section)
            )
        )
    }
    anew = [section for section in counts if section not in stands]
    told = _standing(now, own.last, stands)
    moved = frozenset(
        section for section in stands if _standing(now, told, {section}) != _standing(now, now, ())
    )
    return (
        Told(
            told,
            own.days | dict.fromkeys(anew, on),
            own.counts | {name: (*own.counts.get(name, ()), counts[name]) for name in anew},
        ),
        moved,
    )


def since_when(told: Told, standing: Collection[str]) -> Iterator[Words]:
    """Say which figures stand as they were told before, and since when.

    Parameters
    ----------
    told, standing
        From :func:`tell`.
    """
    for on in sorted({told.days[section] for section in standing}):
        some = sorted(section for section in standing if told.days[section] == on)
        yield Words(
            f"{', '.join(_section(one, 'fr') for one in some)} : les chiffres restent ceux publiés "
            f"le {french.day(on)}. Depuis, un de leurs effectifs a changé de moins de {K} "
            "personnes : deux rapports se soustrairaient jusqu'à elles. Ils ne sont redits "
            "qu'ensemble. Les réponses, elles, sont calculées sur les données de ce jour.",
            f"{', '.join(_section(one, 'en') for one in some)}: the figures are those told on "
            f"{english.day(on)}. One of their numbers has changed by fewer than {K} persons "
            "since, and two reports could be subtracted down to them; they are only told anew "
            "together. The answers are those of today's data.",
        )


def _section(name: str, language: Language) -> str:
    if name == EVERYBODY:
        return "Ensemble" if language == "fr" else "Everybody"
    if name.startswith(DECISIONS):
        attribute = name.removeprefix(DECISIONS).removeprefix(" of ")
        said = "décisions" if language == "fr" else "decisions"
        return f"{said} ({attribute})" if attribute else said
    return name


def _few_apart(now: Mapping[str, int], then: Mapping[str, int]) -> bool:
    """Say whether subtracting tells of one to ten persons; a group that is not there has none."""
    return any(0 < abs(now.get(name, 0) - then.get(name, 0)) < K for name in now.keys() | then)


def _who(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in counts.items() if name.split(" ", 1)[0] == WHO}


def _tellings(told: Told, section: str) -> Iterator[dict[str, int]]:
    return map(_who, told.counts.get(section, ()))


# --- what is counted ---------------------------------------------------------------------


def _everybody(population: Population) -> Iterator[tuple[str, int]]:
    person, kind = population.person, population.kind
    positive = len(np.unique(person[kind < 2]))  # noqa: PLR2004 - found and missed
    yield "persons", population.persons
    yield "with", positive
    yield "without", population.persons - positive
    yield "unknown", len(np.unique(person[kind == len(CELLS)]))
    for number, cell in enumerate(CELLS):
        yield cell, len(np.unique(person[kind == number]))
        yield f"{cell} rows", int((kind == number).sum())


def _by_group(population: Population, grouping: Grouping) -> Iterator[tuple[str, int]]:
    persons, positives = grouping.persons(), grouping.persons(("found", "missed"))
    counted = {
        "persons": persons,
        "with": positives,
        "without": persons - positives,
        "unknown": unknown(population, grouping),
        **{cell: grouping.persons((cell,)) for cell in CELLS},
        **{f"{cell} rows": grouping.rows((cell,)) for cell in CELLS},
    }
    for what, numbers in counted.items():
        for value, number in zip(grouping.values, numbers.tolist(), strict=True):
            yield f"{what} {value}", number


def _with_what_is_beside(counts: Counts, telling: Telling) -> Counts:
    """Add what is counted around the findings, and how people decided, as far as it is told."""
    around = telling.around
    found = {section: dict(numbers) for section, numbers in counts.items()}
    if around.data_sheet is not None:
        found[EVERYBODY] |= {
            "trained": around.data_sheet.train_persons,
            "tested": around.data_sheet.test_persons,
        }
    if telling.capacity is not None:
        found[EVERYBODY] |= {
            "listed": telling.capacity.listed,
            "labelled": telling.capacity.labelled,
        }
    for delay in around.label_card.groups if around.label_card else ():
        if delay.persons is not None and delay.attribute in found:
            found[delay.attribute][f"recorded {delay.value}"] = delay.persons
    if around.human is not None:
        found |= _decisions(around.human)
    return found


def _decisions(human: HumanSide) -> Counts:
    found: Counts = {DECISIONS: {}}
    for name, said in vars(human).items():
        if isinstance(said, int):
            found[DECISIONS][name] = said
        elif isinstance(said, ShareLine):
            found[DECISIONS] |= _line(name, said)
    for group in human.groups:
        section = found.setdefault(_decisions_of(group.attribute), {})
        if group.persons is not None:
            section[f"accompanied {group.value}"] = group.persons
        for name, said in vars(group).items():
            if isinstance(said, ShareLine):
                section |= _line(f"{name} {group.value}", said)
    return found


def _line(name: str, said: ShareLine) -> dict[str, int]:
    if said.counted is None or said.of is None:
        return {}
    return {
        f"in {name}": said.counted,
        f"of {name}": said.of,
        f"not in {name}": said.of - said.counted,
    }


def _decisions_of(attribute: str) -> str:
    return f"{DECISIONS} of {attribute}"


# --- what stands -------------------------------------------------------------------------


class _OfAttribute(Protocol):
    @property
    def attribute(self) -> str: ...


Line = TypeVar("Line", bound=_OfAttribute)


def _standing(now: Telling, then: Telling, stands: Collection[str]) -> Telling:
    """Put sections as they were told in the place of today's; answers are always today's."""

    def lines(fresh: Sequence[Line], told: Sequence[Line]) -> tuple[Line, ...]:
        order = dict.fromkeys(one.attribute for one in (*fresh, *told))
        return tuple(
            one
            for name in order
            for one in (told if name in stands else fresh)
            if one.attribute == name
        )

    fresh, told = now.result, then.result
    answers = {(one.attribute, one.metric): one for one in fresh.findings}
    result = replace(
        fresh,
        findings=tuple(
            _answered(one, answers[one.attribute, one.metric])
            for one in lines(fresh.findings, told.findings)
        ),
        calibration=lines(fresh.calibration, told.calibration),
        teams=lines(fresh.teams, told.teams),
    )
    around = replace(
        now.around,
        data_sheet=_sheet(now.around.data_sheet, then.around.data_sheet, stands),
        label_card=_card(now.around.label_card, then.around.label_card, stands),
        proxies=lines(now.around.proxies, then.around.proxies),
        missing=lines(now.around.missing, then.around.missing),
        trade_offs=lines(now.around.trade_offs, then.around.trade_offs),
        human=_human(now.around.human, then.around.human, stands),
    )
    if EVERYBODY not in stands:
        return Telling(result, around, now.capacity)
    return Telling(
        _totals(result, told),
        replace(around, stability=then.around.stability, drift=then.around.drift),
        then.capacity,
    )


def _answered(told: Finding, today: Finding) -> Finding:
    """Give a finding as it was told, with the answer of today."""
    if told.verdict is today.verdict:
        return told
    return replace(told, verdict=today.verdict, persons_needed=about(today.persons_needed))


def _totals(result: AuditResult, told: AuditResult) -> AuditResult:
    return replace(
        result,
        persons=told.persons,
        positives=told.positives,
        rows=told.rows,
        review_dates=told.review_dates,
        labelled_share=told.labelled_share,
    )


def _sheet(
    now: DataSheet | None, then: DataSheet | None, stands: Collection[str]
) -> DataSheet | None:
    if now is None or then is None:
        return now
    fresh, told = dict(now.unknown), dict(then.unknown)
    names = [name for name in (fresh | told) if name in (told if name in stands else fresh)]
    return replace(
        then if EVERYBODY in stands else now,
        unknown=tuple((name, (told if name in stands else fresh)[name]) for name in names),
    )


def _card(
    now: LabelCard | None, then: LabelCard | None, stands: Collection[str]
) -> LabelCard | None:
    if now is None or then is None:
        return now
    order = dict.fromkeys(one.attribute for one in (*now.groups, *then.groups))
    return replace(
        then if EVERYBODY in stands else now,
        groups=tuple(
            one
            for name in order
            for one in (then if name in stands else now).groups
            if one.attribute == name
        ),
    )


def _human(
    now: HumanSide | None, then: HumanSide | None, stands: Collection[str]
) -> HumanSide | None:
    if now is None or then is None:
        return now
    kept = {one.attribute for one in then.groups if _decisions_of(one.attribute) in stands}
    order = dict.fromkeys(one.attribute for one in (*now.groups, *then.groups))
    return replace(
        then if DECISIONS in stands else now,
        groups=tuple(
            one
            for name in order
            for one in (then if name in kept else now).groups
            if one.attribute == name
        ),
        alarms=now.alarms,
    )


def _totals_of_others(now: Telling, numbers: Mapping[str, int], others: Sequence[Told]) -> Telling:
    """Give the totals that another model's audit told, where today's are a few persons away."""
    near = [
        told
        for told in others
        if any(_few_apart(_who(numbers), then) for then in _tellings(told, EVERYBODY))
    ]
    if not near:
        return now
    then = near[-1].last
    around, sheet, told = now.around, now.around.data_sheet, then.around.data_sheet
    if sheet is not None and told is not None:
        around = replace(
            around,
            data_sheet=replace(
                sheet,
                test_until=told.test_until,
                test_persons=told.test_persons,
                test_rows=told.test_rows,
                test_base_rate=told.test_base_rate,
            ),
            drift=around.drift and replace(around.drift, base_rate_since=told.test_base_rate),
        )
    return Telling(_totals(now.result, then.result), around, now.capacity)
