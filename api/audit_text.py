"""An audit in words on the command line: the answer, why, what is missing, where to read on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from audits.records import ENOUGH, AuditResult, Finding, Verdict
from audits.report.first_page import gates_of
from audits.report.numbers import around, decimal, in_points, number, percent, points


def audit_text(result: AuditResult, report: Mapping[str, Path], *, subject: str) -> str:
    """Write an audit to be read on a terminal.

    Parameters
    ----------
    result
        What may be shown of the audit.
    report
        Where the report was written, by kind; all in one folder.
    subject
        What was audited, as a person names it.
    """
    lines = [f"{subject}: {_answer(result)}", _who(result)]
    for gate in gates_of(result):
        lines += ["", f"{gate.attribute}: {_WORDS[gate.verdict]}"]
        lines += [f"    {line}" for line in _why(gate)]
    folder = next(iter(report.values())).parent
    names = ", ".join(path.name for path in report.values())
    return "\n".join([*lines, "", f"Report, in {folder}: {names}"])


def next_steps(version: str, verdict: Verdict, *, ended: bool) -> list[str]:
    """Say what follows for a model; ``ended`` if approvals of an earlier audit count no more."""
    steps = []
    if ended:
        steps.append("Approvals of its earlier audit count no more: two members vote again.")
    if verdict is Verdict.FAIL:
        steps.append("It cannot be approved.")
    if verdict is Verdict.CANNOT_ASSESS:
        steps.append(
            "Approving it takes a reasoned waiver by both members, which ends: "
            f"rebond approve {version} --waive-unassessed"
        )
    return steps


def person_advice(result: AuditResult) -> list[str]:
    """Say that rows were taken for persons, where no column of persons was named."""
    if result.persons < result.rows:
        return []
    return [
        "Every row was taken for another person: if rows repeat a person, name the column with "
        "--person, or the intervals are too narrow."
    ]


_WORDS = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.CANNOT_ASSESS: "cannot assess",
    None: "no answer",
}


def _answer(result: AuditResult) -> str:
    tolerance = in_points(result.tolerance, "en")
    match result.verdict:
        case Verdict.PASS:
            return (
                "PASS. Of those with the outcome, the list holds the same share of every group, "
                f"within the tolerance of {tolerance}."
            )
        case Verdict.FAIL:
            return (
                "FAIL. Of those with the outcome, the list holds fewer of some groups than of "
                "others: chance does not explain that they differ, and the gap seen is above the "
                f"tolerance of {tolerance}."
            )
        case _:
            return (
                "CANNOT ASSESS. Of those with the outcome, too few are known to tell whether the "
                f"list holds the same share of every group, within the tolerance of {tolerance}."
            )


def _who(result: AuditResult) -> str:
    dates = "" if result.review_dates is None else f" at {result.review_dates} review dates"
    return (
        f"Persons: {number(result.persons, 'en')}; with the outcome: "
        f"{number(result.positives, 'en')}; rows: {number(result.rows, 'en')}{dates}, outcome "
        f"known in {percent(result.labelled_share, 'en')}."
    )


def _why(gate: Finding) -> Iterator[str]:
    """Give the gap, between whom, who was not compared and how many persons are missing."""
    compared = [group for group in gate.groups if group.assessed]
    if gate.gap is not None:
        chance = "" if gate.p_value is None else f"; p = {decimal(gate.p_value, 3, 'en')}"
        yield (
            f"largest gap {in_points(gate.gap, 'en')}, allowing for chance "
            f"{points(gate.gap_low, 'en')} to {points(gate.gap_high, 'en')}{chance}"
        )
        if gate.verdict is Verdict.FAIL and not gate.gap_low:
            yield (
                "the test compares each group with all others together and can tell more than "
                "the range, which is about the two groups furthest apart"
            )
        shares = {g.value: g.estimate for g in compared if g.estimate is not None}
        if len(shares) == len(compared):
            least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
            yield (
                f"least often on the list: {least} ({percent(shares[least], 'en')}), "
                f"most often: {most} ({percent(shares[most], 'en')})"
            )
    if len(gate.groups) == 1:
        yield "one group only, there is nothing to compare"
    apart = [group.value for group in gate.groups if not group.assessed]
    if apart:
        yield f"not compared, fewer than {ENOUGH} persons with the outcome: {', '.join(apart)}"
    if gate.persons_needed is not None:
        yield (
            f"an answer would take about {number(around(gate.persons_needed), 'en')} persons with "
            "the outcome in every group"
        )
