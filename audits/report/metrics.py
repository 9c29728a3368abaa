"""The metrics of an audit as people read them; the report and the pages use the same words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from audits.report.pen import Pen


@dataclass(frozen=True)
class Metric:
    """A metric as people read it: its name, what it is, and how a value is written."""

    name: str
    meaning: str
    write: Callable[[float | None], str]


def metrics(pen: Pen) -> dict[str, Metric]:
    """Name and explain every metric of an audit, by its key in the findings."""
    return {
        "recall": Metric(
            pen.say("Part repérée", "Share found"),
            pen.say(
                "parmi les situations où l'issue est survenue, celles qui étaient sur la liste",
                "among the situations where the outcome came, those that were on the list",
            ),
            pen.percent,
        ),
        "false_negative_rate": Metric(
            pen.say("Part non repérée", "Share not found"),
            pen.say(
                "parmi les situations où l'issue est survenue, celles qui n'étaient pas sur la "
                "liste",
                "among the situations where the outcome came, those that were not on the list",
            ),
            pen.percent,
        ),
        "false_positive_rate": Metric(
            pen.say("Sur la liste sans issue", "Listed without the outcome"),
            pen.say(
                "parmi les situations où l'issue n'est pas survenue, celles qui étaient sur la "
                "liste",
                "among the situations where the outcome did not come, those that were on the list",
            ),
            pen.percent,
        ),
        "precision": Metric(
            pen.say("Liste suivie de l'issue", "Listed and followed by the outcome"),
            pen.say(
                "parmi les situations sur la liste, celles où l'issue est survenue",
                "among the situations on the list, those where the outcome came",
            ),
            pen.percent,
        ),
        "selection_rate": Metric(
            pen.say("Part sur la liste", "Share on the list"),
            pen.say(
                "parmi toutes les situations dont la suite est connue, celles qui étaient sur la "
                "liste",
                "among all situations of which it is known what followed, those on the list",
            ),
            pen.percent,
        ),
        "auc": Metric(
            pen.say("Paires bien rangées", "Pairs in order"),
            pen.say(
                "de deux situations du groupe, l'une avec l'issue et l'autre sans, la part des "
                "paires où l'estimation est plus haute pour la première ; 50 % : comme au hasard",
                "of two situations in the group, one with the outcome and one without, how often "
                "the estimate is higher for the first; 50%: no better than chance",
            ),
            pen.percent,
        ),
        "calibration": Metric(
            pen.say("Écart à l'estimation", "Distance from the estimate"),
            pen.say(
                "de combien de points l'issue est survenue plus souvent qu'estimé (moins souvent : "
                "nombre négatif)",
                "by how many points the outcome came more often than was estimated (less often: "
                "a negative number)",
            ),
            pen.signed_points,
        ),
    }
