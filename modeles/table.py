"""The model as a document: one table that a person can read and recompute with a pencil.

A table is additive: intercept plus, per feature, the points of the bin (or of the place on
a line) that the value falls in. Its points are centred on the training rows, so a
contribution *is* the SHAP value. Reading and scoring need numpy and the standard library,
nothing else; no pickle is ever opened.

The file ``table.json`` is ``{"table": …, "signature": …}``; the signature (Ed25519) is over
the canonical JSON of ``table``, and :attr:`ModelTable.hash` is its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from features.errors import RebondError
from features.french import count

Floats = npt.NDArray[np.float64]
FORMAT = "rebond-table/1"
_SHOWN = 100
_COUNTED = {"faits": ("fait", "faits"), "jours": ("jour", "jours")}


class UnreadableTable(RebondError):
    """The file is not a model table of this format."""


@dataclass(frozen=True)
class TableFeature:
    """One line of the table.

    Attributes
    ----------
    shape
        ``steps``: ``edges`` (k,) cut the axis into k + 1 bins, value <= edge falls left;
        ``points`` (k + 1,). ``line``: ``edges`` are two knots, ``points`` the values there,
        straight between and level outside, on the axis given by ``scale``.
    missing
        Points where there is no value.
    persons
        How many training persons stand in each bin (for a line: below, between, above the
        knots), then the missing ones.
    """

    name: str
    title: str
    wording: str
    reason: str
    unit: str
    shape: Literal["steps", "line"]
    scale: Literal["linear", "log1p"]
    edges: tuple[float, ...]
    points: tuple[float, ...]
    missing: float
    persons: tuple[int, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Say where each of ``points`` stands: ``jusqu'à 2 jours``, ``plus de 2 jours``."""
        if self.unit == "oui ou non" and self.shape == "steps" and len(self.edges) == 1:
            return "non", "oui"
        on_axis = math.expm1 if self.scale == "log1p" else float
        edges = [self._number(on_axis(edge)) for edge in self.edges]
        if self.shape == "line":
            return f"jusqu'à {edges[0]}", f"à partir de {edges[-1]}"
        if not edges:
            return ("toute valeur",)
        between = [f"plus de {low}, jusqu'à {high}" for low, high in pairwise(edges)]
        return f"jusqu'à {edges[0]}", *between, f"plus de {edges[-1]}"

    def _number(self, value: float) -> str:
        if self.unit in _COUNTED:
            # Between whole numbers an edge means the lower one: 2.5 days is "up to 2 days".
            whole = math.floor(value) if self.shape == "steps" else round(value)
            return count(whole, *_COUNTED[self.unit]).replace("-", "−")
        return f"{value:.4g}".replace(".", ",").replace("-", "−")

    def lines(self) -> tuple[tuple[str, float], ...]:
        """Return (where, points) from the lowest value to the missing one, to be read."""
        return (*zip(self.places, self.points, strict=True), ("sans valeur", self.missing))

    def contribution(self, values: Floats) -> Floats:
        """Return the points of each value, shape (n,)."""
        given = np.where(np.isnan(values), 0.0, values)
        if self.shape == "steps":
            points = np.asarray(self.points)[np.searchsorted(self.edges, given, side="left")]
        else:
            axis = np.log1p(np.maximum(given, 0.0)) if self.scale == "log1p" else given
            points = np.interp(axis, self.edges, self.points)
        result: Floats = np.where(np.isnan(values), self.missing, points)
        return result


@dataclass(frozen=True)
class Calibration:
    """The map from score to probability, with a household-resampled band.

    Log-odds are ``slope × score + intercept``, and ``bend`` more per point of score above
    ``knot``. ``grid`` holds (score, low, high): between them the band is interpolated.
    """

    slope: float
    intercept: float
    knot: float
    bend: float
    grid: tuple[tuple[float, float, float], ...]

    def probability(self, score: float) -> tuple[float, float, float]:
        """Return estimate, low and high, each between 0 and 1."""
        middle = float(self.probabilities(np.array([score]))[0])
        at = [point[0] for point in self.grid]
        low = float(np.interp(score, at, [point[1] for point in self.grid]))
        high = float(np.interp(score, at, [point[2] for point in self.grid]))
        return middle, min(low, middle), max(high, middle)

    def probabilities(self, scores: Floats) -> Floats:
        """Return the estimates of many scores, shape (n,)."""
        above = np.maximum(scores - self.knot, 0.0)
        return sigmoid(self.slope * scores + self.intercept + self.bend * above)

    def score(self, probability: float) -> float:
        """Return the score that has this estimate."""
        if not 0 < probability < 1:
            return math.copysign(math.inf, probability - 0.5)
        log_odds = math.log(probability / (1 - probability))
        at_knot = self.slope * self.knot + self.intercept
        if log_odds <= at_knot:
            return (log_odds - self.intercept) / self.slope
        return self.knot + (log_odds - at_knot) / (self.slope + self.bend)


@dataclass(frozen=True)
class Bag:
    """One resampled fit on the same bins; it has not seen the households of its fold."""

    intercept: float
    points: tuple[tuple[float, ...], ...]
    missing: tuple[float, ...]


@dataclass(frozen=True)
class ModelTable:
    """One model, whole: everything that scoring, explaining and auditing it needs.

    ``codes`` are those it was fitted on: events of any other are counted apart, in no feature.
    """

    version: str
    family: str
    outcome: str
    horizon_days: int
    intercept: float
    features: tuple[TableFeature, ...]
    calibration: Calibration
    cut: float
    trained_until: str
    test_from: str
    hashes: dict[str, str]
    codes: tuple[str, ...]
    bags: tuple[Bag, ...]

    def contributions(self, values: Floats) -> Floats:
        """Return the points of each feature, shape (rows, features)."""
        return np.column_stack([f.contribution(values[:, i]) for i, f in enumerate(self.features)])

    def scores(self, values: Floats) -> Floats:
        """Return the log-odds of each row, shape (rows,); the same alone or in a batch."""
        return self._add_up(self.intercept, self.features, values)

    def indistinguishable(self, score: float) -> tuple[float, float]:
        """Return the scores whose estimate lies in this score's band: it cannot be told apart."""
        _, low, high = self.calibration.probability(score)
        return min(self.calibration.score(low), score), max(self.calibration.score(high), score)

    def bag_scores(self, values: Floats) -> Floats:
        """Return each bag's log-odds, shape (rows, bags)."""
        return np.column_stack(
            [self._add_up(bag.intercept, self._features_of(bag), values) for bag in self.bags]
        )

    def _features_of(self, bag: Bag) -> tuple[TableFeature, ...]:
        return tuple(
            replace(f, points=points, missing=missing)
            for f, points, missing in zip(self.features, bag.points, bag.missing, strict=True)
        )

    @staticmethod
    def _add_up(intercept: float, features: Sequence[TableFeature], values: Floats) -> Floats:
        # Column by column: the sum has one order, so one row and a million agree bit for bit.
        total = np.full(len(values), intercept)
        for column, feature in enumerate(features):
            total += feature.contribution(values[:, column])
        return total

    def canonical(self) -> bytes:
        """Return the bytes that are hashed and signed."""
        return _canonical({"format": FORMAT, **asdict(self)})

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return hashlib.sha256(self.canonical()).hexdigest()


def sigmoid(log_odds: Floats) -> Floats:
    """Return probabilities; written with tanh, which never overflows."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
    return result


def write_table(table: ModelTable, path: Path, sign: Callable[[bytes], str]) -> None:
    """Write a signed table file."""
    body = json.loads(table.canonical())
    envelope = {"table": body, "signature": sign(table.canonical())}
    path.write_text(json.dumps(envelope, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_table(path: Path, verify: Callable[[bytes, str], None]) -> ModelTable:
    """Read a table file and check its signature.

    Raises
    ------
    UnreadableTable
        Missing, not a table, or of another format.
    features.keys.ForgedSignature
        Changed since it was signed.
    """
    try:
        envelope = json.loads(path.read_text(encoding="utf-8"))
        body, signature = envelope["table"], envelope["signature"]
        if body.pop("format") != FORMAT:
            raise UnreadableTable(f"{path.name} is not a {FORMAT} file; train again.")
        table = _table(body)
    except FileNotFoundError as error:
        raise UnreadableTable(
            f"there is no model {path.parent.name}: `rebond train` prints the versions it made."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        found = str(error)[:_SHOWN]
        raise UnreadableTable(
            f"{path.name} is not a {FORMAT} file ({found}); train again."
        ) from error
    verify(table.canonical(), signature)
    return table


def _table(body: dict[str, Any]) -> ModelTable:
    def feature(plain: dict[str, Any]) -> TableFeature:
        numbers = {k: tuple(plain[k]) for k in ("edges", "points", "persons")}
        return TableFeature(**{**plain, **numbers})

    calibration = body["calibration"]
    return ModelTable(
        **{
            **body,
            "features": tuple(feature(f) for f in body["features"]),
            "codes": tuple(body["codes"]),
            "calibration": Calibration(
                calibration["slope"],
                calibration["intercept"],
                calibration["knot"],
                calibration["bend"],
                tuple((p[0], p[1], p[2]) for p in calibration["grid"]),
            ),
            "bags": tuple(
                Bag(b["intercept"], tuple(tuple(p) for p in b["points"]), tuple(b["missing"]))
                for b in body["bags"]
            ),
        }
    )


def _canonical(plain: dict[str, Any]) -> bytes:
    # Python writes the shortest text that reads back as the same float: nothing is lost.
    text = json.dumps(
        plain, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )
    return text.encode()
