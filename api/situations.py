"""Scoring, composed: the approved table scores today's cohort, and only the queue is told.

What is not placed in the queue is forgotten at the end of the function: no file, log line
or table holds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy.orm import Session

from api.gate import approved_table, check_assessment
from api.home import Home
from features.block import Block, build_block
from features.catalogue import Feature, catalogue, looked_at
from features.engine import StoreEngine
from features.errors import RebondError
from features.facts import Facts, describe, known_event
from features.point_in_time import Matrix, Question, review_dates
from features.protocol import Protocol
from modeles.allocation import Allocation, Claimant, Draw, allocate
from modeles.explanation import Signal
from modeles.scoring import explain
from modeles.table import Floats, ModelTable
from modeles.workings import workings
from revue import absences, notices, queue, requests, wordings
from revue.evidence import seal_before
from revue.records import Actor, NewSituation, ScoringRun, SituationKind

Progress = Callable[[str], None]


class LaterThanToday(RebondError):
    """Nobody can be scored on a day that has not come."""


class NoReviewDate(RebondError):
    """No review date of the protocol has come yet."""


class AlreadyScored(RebondError):
    """The review date, or a later one, was scored before; its places are given."""


class SignalsExpired(RebondError):
    """Signals of so old a date could not be shown to anybody."""


class InputsTooOld(RebondError):
    """The newest extract ends too long before the review date."""


class NobodyKnown(RebondError):
    """The person has no stay in the store."""


@dataclass(frozen=True)
class ScoringSummary:
    """What one scoring run did, in counts.

    ``other_codes`` are new kinds of facts that the model was not fitted on: they are in no
    score, and call for a new training. ``without_account`` are situations whose educator
    cannot sign in yet, so that nobody would look at them.
    """

    as_of: date
    scored: int
    queued: int
    controls: int
    unserved: int
    not_informed: int
    model: str
    other_codes: tuple[str, ...]
    without_account: int


def score_situations(
    home: Home, as_of: date | None, *, by: Actor, progress: Progress
) -> ScoringSummary:
    """Score the cohort of one review date with the approved model, and fill the queue.

    Parameters
    ----------
    home
        The home.
    as_of
        Default: the last review date not after the day of the home.
    by, progress
        Who scores, and who is told what is being done.

    Raises
    ------
    revue.promotion.NotPromoted, revue.promotion.PromotionMismatch
        The gate is not open: no two approvals, or something was swapped since.
    LaterThanToday, NoReviewDate, InputsTooOld, AlreadyScored, SignalsExpired
        The date cannot be scored.
    """
    check_assessment(home)
    with home.transaction() as session:
        home.check_epoch(session)
        table = approved_table(home, session)
        store = home.store.at_once()
        protocol = store.protocol()
        day = _review_date(home, protocol, as_of)
        _check_fresh(home, session, day)
        progress("measuring features")
        engine = StoreEngine(store)
        matrix = _matrix(protocol, engine, table, day)
        informed = matrix.cohort["informed"].to_numpy(bool) | matrix.cohort["person"].isin(
            notices.told_here(session, by=day)
        ).to_numpy(bool)
        progress("scoring")
        scores = table.scores(matrix.values)
        allocation = _allocate(home, session, protocol, table, matrix, scores, informed, day)
        placed = _placed(allocation)
        block = engine.block(list(placed))
        rows = {person: row for row, person in enumerate(matrix.cohort["person"])}
        progress("explaining")
        valid_until = day + timedelta(days=home.settings.signal_days)
        features = catalogue(protocol, wordings.current(session, home.keys.verify))
        seal_before(session, home.person_keys, home.today(), by=by, now=home.now())
        situations = [
            NewSituation(
                person=person,
                team=str(matrix.cohort["team"].iloc[rows[person]]),
                referent=_given(matrix.cohort["referent"].iloc[rows[person]]),
                kind=kind,
                facts=_facts(block, person, matrix.cohort["entered_on"].iloc[rows[person]], day),
                signal=_signal(
                    table,
                    features,
                    matrix.values[rows[person]],
                    day,
                    valid_until,
                    other=int(matrix.other[rows[person]]),
                ),
                probability=probability,
            )
            for person, (kind, probability) in placed.items()
        ]
        not_informed = int((~informed).sum())
        queue.fill(
            session,
            run=ScoringRun(
                table.version,
                day,
                protocol.hash,
                allocation.unserved,
                not_informed,
                protocol.capacity.per_referent,
            ),
            situations=situations,
            rng_key=home.keys.subkey("shuffle"),
            by=by,
            now=home.now(),
            due_on=home.today() + timedelta(days=home.settings.due_days),
        )
        known = absences.educators(session)
        unknown = [new for new in situations if new.referent and new.referent not in known]
    return ScoringSummary(
        as_of=day,
        scored=int(informed.sum()),
        queued=len(situations),
        controls=len(allocation.controls),
        unserved=allocation.unserved,
        not_informed=not_informed,
        model=table.version,
        other_codes=tuple(
            sorted(looked_at(protocol, engine.codes(before=day)).difference(table.codes))
        ),
        without_account=len(unknown),
    )


def facts_of(home: Home, person: str, *, reviewed_on: date | None) -> Facts:
    """State what is known of one person, for a situation that their educator opens.

    Parameters
    ----------
    home
        The home.
    person
        Pseudonym.
    reviewed_on
        The newest review date: known as of then, like the situations of that review, unless
        the present stay began later; None for what is known on the day of the home.

    Raises
    ------
    NobodyKnown
        No stay of this pseudonym is stored.
    """
    stays = home.store.stays(person)
    if stays.empty:
        raise NobodyKnown("no stay of this person is stored; import an extract that holds it.")
    block = build_block(home.store.events(person))
    entered_on = stays["entered_on"].iloc[-1]
    if reviewed_on is None or entered_on.date() >= reviewed_on:
        reviewed_on = home.today()
    return _facts(block, person, entered_on, reviewed_on)


def _review_date(home: Home, protocol: Protocol, as_of: date | None) -> date:
    today = home.today()
    if as_of is not None and as_of > today:
        raise LaterThanToday(f"{as_of} is after the day of this home, {today}.")
    last = as_of or today
    dates = review_dates(protocol.cadence, protocol.cadence.start, last)
    if not dates:
        raise NoReviewDate(f"no review date of the protocol lies before {last}.")
    _check_inputs(dates[-1], home.store.extracted_on, home.settings.inputs_days)
    return dates[-1]


def _check_inputs(day: date, extracted_on: date | None, days: int) -> None:
    """Refuse to read, from an extract that ended long ago, that nothing happened since (S19)."""
    if extracted_on is not None and (day - extracted_on).days > days:
        raise InputsTooOld(
            f"the newest extract is of {extracted_on}, and on {day} that would tell of everybody "
            f"that nothing happened for {(day - extracted_on).days} days: import an extract of at "
            f"most {days} days before, or give an earlier --as-of."
        )


def _check_fresh(home: Home, session: Session, day: date) -> None:
    newest = max(queue.scored_dates(session), default=None)
    if newest is not None and day <= newest:
        raise AlreadyScored(
            f"{day} or a later date was scored before, so the places of every date up to {newest} "
            "are given: import a later extract first."
        )
    if day + timedelta(days=home.settings.signal_days) < home.today():
        raise SignalsExpired(
            f"signals of {day} would have expired after {home.settings.signal_days} days: score a "
            f"review date nearer to {home.today()}."
        )


def _matrix(protocol: Protocol, engine: StoreEngine, table: ModelTable, day: date) -> Matrix:
    # Labels of today are unknown by nature: nothing is mature, nothing later is looked at.
    question = Question(
        protocol, (day,), mature_on=day, known_before=day, vocabulary=frozenset(table.codes)
    )
    return engine.matrices([question])[0]


def _allocate(
    home: Home,
    session: Session,
    protocol: Protocol,
    table: ModelTable,
    matrix: Matrix,
    scores: Floats,
    informed: npt.NDArray[np.bool_],
    day: date,
) -> Allocation:
    away = absences.stand_ins(session, home.today())
    load = queue.open_load(session, as_of=home.today())
    # Somebody away without a stand-in has no place; their persons then count as unserved.
    load |= {login: protocol.capacity.per_referent for login, by in away.items() if by is None}
    claimants = []
    for row in np.flatnonzero(informed):
        score = float(scores[row])
        claimants.append(
            Claimant(
                str(matrix.cohort["person"].iloc[row]),
                _looked_after_by(_given(matrix.cohort["referent"].iloc[row]), away),
                score,
                *table.indistinguishable(score),
            )
        )
    return allocate(
        claimants,
        protocol.capacity,
        Draw(home.keys.subkey("draw"), table.version, day),
        cut=table.cut,
        unavailable=queue.busy_people(session, as_of=day, repeat_days=protocol.capacity.repeat_days)
        | requests.waiting_for_correction(session),
        load=load,
        not_as_control=queue.recent_controls(session, as_of=day),
    )


def _placed(allocation: Allocation) -> dict[str, tuple[SituationKind, float]]:
    signal, control = SituationKind.SIGNAL, SituationKind.CONTROL
    return {
        **dict.fromkeys(allocation.signals, (signal, 1.0)),
        **dict.fromkeys(allocation.explored, (signal, allocation.exploration_probability)),
        **dict.fromkeys(allocation.controls, (control, allocation.control_probability)),
    }


def _signal(
    table: ModelTable,
    features: Sequence[Feature],
    values: Floats,
    day: date,
    valid_until: date,
    *,
    other: int,
) -> Signal:
    """Explain a score, with the whole sum behind it."""
    told = explain(table, features, values, day, valid_until, other=other)
    return replace(told, workings=workings(table, features, values, told.score, day))


def _facts(block: Block, person: str, entered_on: pd.Timestamp, day: date) -> Facts:
    known = block.known_of(person, day)
    events = [known_event(occurred, recorded, code) for occurred, recorded, code in known]
    return describe(day, entered_on.date(), events)


def _looked_after_by(referent: str | None, away: Mapping[str, str | None]) -> str | None:
    return away.get(referent) or referent if referent is not None else None


def _given(value: object) -> str | None:
    return None if pd.isna(value) else str(value)
