"""What colleagues answered in the practice module, as a group and never as persons (S24, S36).

Which counts may be shown is decided by the one suppression of the audits; what is shown
are rounded shares, said as natural frequencies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from audits.suppression import K, withheld
from revue.exercises import EXERCISES, Exercise
from revue.practice import ELSEWHERE, Choice, Question, counts
from revue.records import Actor


@dataclass(frozen=True)
class Share:
    """Of 10 people, about ``of_10`` made this choice: 0 is less than one, 10 more than nine."""

    question: Question
    choice: Choice
    of_10: int


@dataclass(frozen=True)
class Result:
    """What a group answered to one exercise; ``people`` is None where it is too small to show."""

    exercise: Exercise
    people: int | None
    shares: tuple[Share, ...]


def results(session: Session, actor: Actor) -> tuple[Result, ...]:
    """Tell what colleagues answered, exercise by exercise.

    Raises
    ------
    Forbidden
        The role does not practise.
    """
    return tuple(result(each, counts(session, actor, each)) for each in EXERCISES)


def result(asked: Exercise, counted: Mapping[Question, Mapping[Choice, int]]) -> Result:
    """Say what may be told of counted answers.

    Parameters
    ----------
    asked
        The exercise.
    counted
        How often each choice was made; every question has the same sum.

    Returns
    -------
    Result
        Without the shares that count fewer than k people, and without those from which such
        a count could be worked out.
    """
    people = sum(counted[Question.KIND].values())
    if people < K:
        return Result(asked, None, ())
    rows = [(question, choice) for question in Question for choice in counted[question]]
    numbers = np.array([counted[question][choice] for question, choice in rows], np.int64)
    hidden = withheld(
        numbers,
        numbers < K,
        _cells(rows),
        np.array([list(Question).index(question) for question, _ in rows], np.int64),
    )
    shares = tuple(
        Share(question, choice, round(10 * int(number) / people))
        for (question, choice), number, hide in zip(rows, numbers, hidden, strict=True)
        if not hide
    )
    return Result(asked, people, shares)


def _cells(rows: list[tuple[Question, Choice]]) -> npt.NDArray[np.float64]:
    """Say which pair of answers is in which count; who answered elsewhere did so to both."""
    opinions = [choice for question, choice in rows if question is Question.OPINION]
    kinds = [choice for question, choice in rows if question is Question.KIND]
    pairs = [
        {Question.OPINION: opinion, Question.KIND: kind}
        for opinion in opinions
        for kind in kinds
        if (opinion is ELSEWHERE) == (kind is ELSEWHERE)
    ]
    return np.array(
        [[pair[question] is choice for pair in pairs] for question, choice in rows], np.float64
    )
