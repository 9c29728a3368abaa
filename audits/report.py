"""The audit as two files: JSON for machines, and a page for people.

The page is written for a committee member without statistics: the answer first, then what
could not be assessed, then the findings one attribute at a time. It is one file without
any outside asset, and the same input gives the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from audits.records import AuditResult, Finding, Verdict
from audits.suppression import K
from features.french import count, day

ENGINE = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class MeasureLine:
    """One measure under the real capacity, as shown: name, value, and what it means."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class CandidateLine:
    """One candidate of the comparison; measures in [0, 1] or None."""

    family: str
    chosen: bool
    promotable: bool
    auc: float | None = None
    precision_at_capacity: float | None = None
    recall_at_capacity: float | None = None


@dataclass(frozen=True)
class FeatureLines:
    """One feature of the model table: its wording and the points of each bin."""

    wording: str
    bins: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class AuditContext:
    """What was audited; everything but the subject may be absent (a vendor's file).

    Parameters
    ----------
    subject
        "modèle 3", or the name of a file.
    outcome
        The outcome in words, for instance "interruption de l'accompagnement".
    limits
        Sentences about what this audit in particular cannot see.
    """

    subject: str
    protocol: str = ""
    outcome: str = ""
    data_hash: str = ""
    model_hash: str = ""
    protocol_hash: str = ""
    capacity: tuple[MeasureLine, ...] = ()
    candidates: tuple[CandidateLine, ...] = ()
    features: tuple[FeatureLines, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True)
class MetricWords:
    """A metric as people read it."""

    name: str
    meaning: str


METRICS = {
    "recall": MetricWords(
        "Part repérée",
        "parmi les situations où l'issue est survenue, celles qui étaient sur la liste",
    ),
    "false_negative_rate": MetricWords(
        "Part non repérée",
        "parmi les situations où l'issue est survenue, celles qui n'étaient pas sur la liste",
    ),
    "false_positive_rate": MetricWords(
        "Sur la liste sans issue",
        "parmi les situations où l'issue n'est pas survenue, celles qui étaient sur la liste",
    ),
    "precision": MetricWords(
        "Sur la liste avec issue",
        "parmi les situations sur la liste, celles où l'issue est survenue",
    ),
    "selection_rate": MetricWords(
        "Part sur la liste",
        "parmi toutes les situations dont la suite est connue, celles qui étaient sur la liste",
    ),
}


@dataclass(frozen=True)
class Mark:
    """One group in a picture: positions in percent of the width, None where not shown."""

    label: str
    text: str
    y: int
    dot: str | None
    low: str | None
    high: str | None
    assessed: bool


def write_report(
    result: AuditResult, context: AuditContext, folder: Path, *, written_on: date
) -> dict[str, Path]:
    """Write ``audit.json`` and ``audit.html`` into a folder, made if absent.

    Returns
    -------
    dict
        ``json`` and ``html``: the paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"json": folder / "audit.json", "html": folder / "audit.html"}
    plain = {**result.as_dict(), "written_on": written_on.isoformat(), "context": asdict(context)}
    text = json.dumps(plain, ensure_ascii=False, indent=2, allow_nan=False)
    paths["json"].write_text(text + "\n", encoding="utf-8")
    paths["html"].write_text(as_html(result, context, written_on=written_on), encoding="utf-8")
    return paths


def as_html(result: AuditResult, context: AuditContext, *, written_on: date) -> str:
    """Render the page."""
    gates = [finding for finding in result.findings if finding.verdict is not None]
    gaps = [finding for finding in gates if finding.gap is not None]
    return ENGINE.get_template("report.html.j2").render(
        result=result,
        context=context,
        written_on=day(written_on),
        answer=result.verdict.value,
        verdicts={verdict.name: verdict.value for verdict in Verdict},
        gates=gates,
        widest=max(gaps, key=lambda finding: finding.gap or 0.0, default=None),
        open_questions=[
            gate
            for gate in gates
            if gate.verdict is Verdict.CANNOT_ASSESS
            or not all(group.assessed for group in gate.groups)
        ],
        sections=[
            (gate, picture(gate), [f for f in result.findings if f.attribute == gate.attribute])
            for gate in gates
        ],
        words=METRICS,
        k=K,
        percent=percent,
        points=points,
        in_points=in_points,
        around=around,
        decimal=decimal,
        count=count,
        number=number,
    )


def picture(finding: Finding) -> list[Mark]:
    """Place every group of a finding, one below the other, on an axis from 0 to 100%."""

    def place(value: float | None) -> str | None:
        return None if value is None else f"{100 * value:.2f}%"

    return [
        Mark(
            label=group.value,
            text=percent(group.estimate) if group.estimate is not None else "non montré",
            y=20 + 52 * index,
            dot=place(group.estimate),
            low=place(group.low),
            high=place(group.high),
            assessed=group.assessed,
        )
        for index, group in enumerate(finding.groups)
    ]


def percent(share: float | None) -> str:
    """Write a share: ``44,9 %``, ``31 %``, ``–`` where there is none."""
    return "–" if share is None else f"{points(share)}\u202f%"


def points(gap: float | None) -> str:
    """Write a share or a difference in points, without an idle decimal.

    >>> points(0.158), points(-0.2), points(None)
    ('15,8', '−20', '–')
    """
    return "–" if gap is None else decimal(100 * gap, 1).removesuffix(",0")


def in_points(gap: float | None) -> str:
    """Write a difference with its unit, which agrees with it.

    >>> in_points(0.01), in_points(0.158), in_points(None)
    ('1 point', '15,8 points', '–')
    """
    if gap is None:
        return "–"
    return f"{points(gap)} {'point' if abs(round(100 * gap, 1)) < 2 else 'points'}"  # noqa: PLR2004


def decimal(value: float | None, digits: int = 3) -> str:
    """Write a number the French way, ``–`` where there is none."""
    if value is None:
        return "–"
    # Adding 0 turns a negative zero into zero.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace(".", ",").replace("-", "−")


def number(value: int | None) -> str:
    """Write a count with narrow spaces between thousands."""
    return "non montré" if value is None else f"{value:,}".replace(",", "\u202f")


def around(value: int) -> int:
    """Round a number of persons up to two figures: an order of magnitude, not a promise.

    >>> around(526), around(30)
    (530, 30)
    """
    step = int(10 ** max(0, len(str(value)) - 2))
    return -(-value // step) * step
