"""What one training says of everything it compared: measures under their contract names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from modeles.measures import Discrimination, Listing


@dataclass(frozen=True)
class SplitMeasure:
    """One split: where its fit stands, and what its lists were worth.

    NaN where there was nothing to measure, or too few situations to speak about (S21). An
    earlier split judges one half of the households, with half of the places.
    """

    origin: str
    auc: float
    precision: float
    recall: float


@dataclass(frozen=True)
class Candidate:
    """One family, rule or yardstick as measured on the test dates.

    Attributes
    ----------
    splits
        Every rolling origin, then the test; empty for rules and the yardstick.
    agreement
        How much of the model's order its bags share; None without bags.
    gap
        AUC of the yardstick less this one's.
    """

    family: str
    setting: str
    version: str | None
    promotable: bool
    why_not: str
    discrimination: Discrimination
    listing: Listing
    auc_standard_error: float
    splits: tuple[SplitMeasure, ...]
    agreement: float | None
    gap: float

    @property
    def worst_split(self) -> SplitMeasure | None:
        """The split with the lowest recall at capacity."""
        known = [split for split in self.splits if not math.isnan(split.recall)]
        return min(known, key=lambda split: split.recall, default=None)

    def as_dict(self) -> dict[str, object]:
        """Return the candidate under the contract's keys."""
        listing = self.listing
        plain: dict[str, object] = {
            "family": self.family,
            "setting": self.setting,
            "version": self.version,
            "promotable": self.promotable,
            "why_not": self.why_not,
            "auc": self.discrimination.auc,
            "auc_standard_error": self.auc_standard_error,
            "average_precision": self.discrimination.average_precision,
            "precision_at_capacity": listing.precision,
            "recall_at_capacity": listing.recall,
            "worst_recall": listing.worst_recall,
            "brier": self.discrimination.brier,
            "ece": self.discrimination.ece,
            "tie_spread": listing.tie_spread,
            "labelled_share": listing.labelled_share,
            "overlap": listing.overlap,
            "first_time_share": listing.first_time_share,
            "bag_agreement": self.agreement,
            "gap_to_yardstick": self.gap,
            "splits": [_finite_values(asdict(split)) for split in self.splits],
            "worst_split": self.worst_split and self.worst_split.origin,
            "dates": [_finite_values(asdict(one)) for one in listing.dates],
        }
        return _finite_values(plain)


def _finite_values(plain: Mapping[str, object]) -> dict[str, object]:
    return {
        key: None if isinstance(value, float) and math.isnan(value) else value
        for key, value in plain.items()
    }
