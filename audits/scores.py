"""What scores tell of every group: AUC, calibration and its curve, with their replicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from audits.counts import Floats, Grouping, Population
from audits.findings import Sampled, known
from audits.ranking import Curve, Influences, ascending, auc, calibration, calibration_curve
from audits.records import CalibrationBin, CalibrationCurve
from audits.replicates import Additive
from audits.statistics import Replicated, intervals, linear


@dataclass(frozen=True)
class FromScores:
    """What scores tell: per grouping its measures by name, and the calibration curves."""

    findings: list[dict[str, Sampled]]
    curves: tuple[CalibrationCurve, ...]


@dataclass(frozen=True)
class Scores:
    """Measures of scores by grouping; empty where the table has no scores."""

    groupings: Sequence[Grouping]
    measures: list[dict[str, Influences]]
    curves: list[Curve]
    """Of the first groupings, the single attributes."""

    @classmethod
    def of(
        cls,
        clean: pd.DataFrame,
        population: Population,
        groupings: Sequence[Grouping],
        singles: int,
    ) -> Scores:
        """Measure what the columns of the table allow."""
        measures: list[dict[str, Influences]] = [{} for _ in groupings]
        curves: list[Curve] = []
        kind = population.kind
        if "score" in clean and clean["score"].notna().any():
            score = clean["score"].to_numpy(dtype=np.float64)
            order = ascending(kind, score)
            for grouping, found in zip(groupings, measures, strict=True):
                found["auc"] = auc(grouping, kind, score, order)
        if "probability" in clean and clean["probability"].notna().any():
            probability = clean["probability"].to_numpy(dtype=np.float64)
            order = ascending(kind, probability)
            for grouping, found in zip(groupings, measures, strict=True):
                found["calibration"] = calibration(grouping, kind, probability, order)
            curves = [
                calibration_curve(one, kind, probability, order) for one in groupings[:singles]
            ]
        return cls(groupings, measures, curves)

    def additive(self) -> list[Additive]:
        """Return the influences to be drawn, in the order that :meth:`replicated` takes."""
        measured = [
            Additive(grouping, one.members)
            for grouping, found in zip(self.groupings, self.measures, strict=True)
            for one in found.values()
        ]
        curved = [
            Additive(grouping, curve.observed.members)
            for grouping, curve in zip(self.groupings, self.curves, strict=False)
        ]
        return measured + curved

    def replicated(self, added: Sequence[Floats]) -> FromScores:
        """Put estimates and their replicates together."""
        sums = iter(added)
        findings = [
            {
                name: Sampled(_replicated(one, grouping, next(sums), 0), one.persons[:, 0])
                for name, one in found.items()
            }
            for grouping, found in zip(self.groupings, self.measures, strict=True)
        ]
        curves = [
            told
            for grouping, curve in zip(self.groupings, self.curves, strict=False)
            for told in _curves(grouping, curve, next(sums))
        ]
        return FromScores(findings, tuple(curves))


def _replicated(some: Influences, grouping: Grouping, drawn: Floats, column: int) -> Replicated:
    return linear(
        some.estimate[:, column],
        some.persons[:, column].astype(np.float64),
        some.squares(grouping)[:, column],
        drawn[:, :, column],
    )


def _curves(grouping: Grouping, curve: Curve, drawn: Floats) -> list[CalibrationCurve]:
    """One curve a group."""
    shares = [
        intervals(_replicated(curve.observed, grouping, drawn, column), least=0)
        for column in range(drawn.shape[2])
    ]
    return [
        CalibrationCurve(
            attribute=grouping.name,
            value=value,
            bins=tuple(
                CalibrationBin(
                    expected=known(curve.expected[g, column]),
                    observed=known(share.estimate[g]),
                    low=known(share.low[g]),
                    high=known(share.high[g]),
                    persons=int(curve.observed.persons[g, column]),
                )
                for column, share in enumerate(shares)
            ),
        )
        for g, value in enumerate(grouping.values)
    ]
