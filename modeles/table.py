"""The model as a document: one table that a person can read and recompute with a pencil.

A table is additive: intercept plus, per feature, the points of the bin (or of the place on
a line) that the value falls in. Its points are centred on the training rows, so a
contribution *is* the SHAP value. Reading and scoring need numpy and the standard library,
nothing else; no pickle is ever opened.

The file ``table.json`` is ``{"table": …, "signature": …}``, as ``table.schema.json`` beside
this module publishes it; the signature (Ed25519) is over the canonical JSON of ``table``, and
:attr:`ModelTable.hash` is its SHA-256.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from features.errors import RebondError
from features.phrases import PHRASES, Language

Floats = npt.NDArray[np.float64]
FORMAT = "rebond-table/2"
WIDE_RANGE = 0.10
"""A Venn-Abers range beyond which an estimate is said to be uncertain: 10 in 100."""

SHAPES = ("steps", "line")
SCALES = ("linear", "log1p")
COUNTED: Mapping[str, Mapping[Language, tuple[str, str]]] = {
    "faits": {"fr": ("fait", "faits"), "en": ("event", "events")},
    "jours": {"fr": ("jour", "jours"), "en": ("day", "days")},
}
"""Units whose values are whole numbers, as they are said."""
WITHOUT = "sans valeur"


@dataclass(frozen=True)
class PlaceWords:
    """How a language says where a value stands."""

    up_to: str
    more: str
    between: str
    from_to: str
    from_on: str
    anything: str
    no: str
    yes: str
    none: str
    some: str
    without: str


PLACE_WORDS: Mapping[Language, PlaceWords] = {
    "fr": PlaceWords(
        up_to="jusqu'à {}", more="plus de {}", between="plus de {}, jusqu'à {}",
        from_to="de {} à {}", from_on="à partir de {}", anything="toute valeur",
        no="non", yes="oui", none="aucun fait", some="au moins 1 fait", without=WITHOUT,
    ),
    "en": PlaceWords(
        up_to="up to {}", more="more than {}", between="more than {}, up to {}",
        from_to="{} to {}", from_on="from {} on", anything="any value",
        no="no", yes="yes", none="no event", some="at least 1 event", without="without a value",
    ),
}  # fmt: skip

_KNOTS = 2
_REMEMBERED = 4
_SHOWN = 100
_SHOWN_EDGES = 5


L = TypeVar("L", bound="Line")


class UnreadableTable(RebondError):
    """The file is not a model table of this format."""


@dataclass(frozen=True)
class Line:
    """The arithmetic of one line: where a value stands, and the points there.

    Attributes
    ----------
    column
        Which column of the matrix: the place in the protocol's catalogue.
    shape
        ``steps``: ``edges`` (k,) cut the axis into k + 1 bins, value <= edge falls left;
        ``points`` (k + 1,). ``line``: ``edges`` are two knots, ``points`` the values there,
        straight between and level outside, on the axis given by ``scale``.
    missing
        Points where there is no value.
    """

    column: int
    shape: Literal["steps", "line"]
    scale: Literal["linear", "log1p"]
    edges: tuple[float, ...]
    points: tuple[float, ...]
    missing: float

    @property
    def slope(self) -> float:
        """Points per unit of the axis between the two knots of a ``line``."""
        (low, high), (first, last) = self.edges, self.points
        return (last - first) / (high - low)

    def __post_init__(self) -> None:
        """Refuse a line that cannot be added up.

        Raises
        ------
        UnreadableTable
            Points that do not fit its edges, edges out of order, or what is no number.
        """
        wanted = len(self.edges) + 1 if self.shape == "steps" else _KNOTS
        fits = len(self.points) == wanted and (self.shape == "steps" or len(self.edges) == _KNOTS)
        known = self.shape in SHAPES and self.scale in SCALES and self.column >= 0
        numbers = all(math.isfinite(n) for n in (*self.edges, *self.points, self.missing))
        if not (fits and known and numbers and all(a < b for a, b in pairwise(self.edges))):
            raise UnreadableTable(
                f"a line of column {self.column} cannot be added up: {self.shape} on a "
                f"{self.scale} axis with edges {list(self.edges)[:_SHOWN_EDGES]} and "
                f"{len(self.points)} points; train again."
            )

    def contribution(self, values: Floats) -> Floats:
        """Return the points of each value, shape (n,)."""
        if self.shape == "steps":
            # NaN sorts behind every edge; what it finds there is replaced below.
            points = np.array(self.points)[np.array(self.edges).searchsorted(values, side="left")]
        else:
            (low, high), (first, last) = self.edges, self.points
            axis = np.log1p(np.maximum(values, 0.0)) if self.scale == "log1p" else values
            # Written out, so that every reader on every machine rounds the same way.
            between = first + self.slope * (np.minimum(np.maximum(axis, low), high) - low)
            points = np.where(axis < high, between, last)
        result: Floats = np.where(np.isnan(values), self.missing, points)
        return result

    def at(self, value: float, logarithm: float) -> float:
        """Return the points of one value, given its log(1 + x) too: the same to the last bit."""
        if math.isnan(value):
            return self.missing
        if self.shape == "steps":
            return self.points[bisect_left(self.edges, value)]
        (low, high), (first, last) = self.edges, self.points
        axis = logarithm if self.scale == "log1p" else value
        return first + self.slope * (max(axis, low) - low) if axis < high else last


@dataclass(frozen=True)
class TableFeature(Line):
    """One line of the table, and what it says.

    Attributes
    ----------
    name
        The feature, as the catalogue of the protocol names it.
    persons
        How many training persons stand in each bin (for a line: below, between, above the
        knots), then the missing ones.
    """

    name: str
    title: str
    wording: str
    reason: str
    unit: str
    persons: tuple[int, ...]

    @property
    def places(self) -> tuple[str, ...]:
        """Say where each of ``points`` stands: ``jusqu'à 2 jours``, ``de 3 à 5 jours``."""
        return self.places_in("fr")

    def places_in(self, language: Language) -> tuple[str, ...]:
        """Say the same in some language: ``up to 2 days``, ``3 to 5 days``."""
        words = PLACE_WORDS[language]
        if self.unit == "oui ou non" and self.shape == "steps" and len(self.edges) == 1:
            return words.no, words.yes
        if not self.edges:
            return (words.anything,)
        if self.unit in COUNTED and self.shape == "steps":
            return self._whole_places(language)
        on_axis = math.expm1 if self.scale == "log1p" else float
        edges = [self._number(on_axis(edge), language) for edge in self.edges]
        if self.shape == "line":
            return words.up_to.format(edges[0]), words.from_on.format(edges[-1])
        between = [words.between.format(low, high) for low, high in pairwise(edges)]
        return words.up_to.format(edges[0]), *between, words.more.format(edges[-1])

    def _whole_places(self, language: Language) -> tuple[str, ...]:
        words = PLACE_WORDS[language]
        # Between whole numbers an edge means the lower one: 2.5 days is "up to 2 days".
        edges = [math.floor(edge) for edge in self.edges]
        first = words.up_to.format(self._number(edges[0], language))
        last = words.more.format(self._number(edges[-1], language))
        if self.unit == "faits" and not edges[0] and ".trend" not in self.name:
            # A trend of 0 is no absence: there, 0 is a number like another.
            first, last = words.none, last if edges[-1] else words.some
        between = [
            self._number(high, language)
            if high == low + 1
            else words.from_to.format(str(low + 1).replace("-", "−"), self._number(high, language))
            for low, high in pairwise(edges)
        ]
        return first, *between, last

    def _number(self, value: float, language: Language) -> str:
        said = PHRASES[language]
        if self.unit in COUNTED:
            text = said.count(round(value), *COUNTED[self.unit][language])
        else:
            text = f"{value:.4g}".replace(".", said.point)
        return text.replace("-", "−")

    def lines(self, language: Language = "fr") -> tuple[tuple[str, float], ...]:
        """Return (where, points) from the lowest value to the missing one, to be read."""
        places = (*self.places_in(language), PLACE_WORDS[language].without)
        return tuple(zip(places, (*self.points, self.missing), strict=True))


@dataclass(frozen=True)
class Calibration:
    """The map from score to probability, how sure it is, and where it cannot say.

    Log-odds are ``slope × score + intercept``, and ``bend`` more per point of score above
    ``knot``. ``band`` holds (score, low, high): the household-resampled 95% interval of the
    frequency. ``venn_abers`` holds (score, low, high): what one more case would make of the
    frequency if it came out one way or the other; no interval, but where it is
    wide too little like it was seen. Between its rows each is interpolated.
    """

    slope: float
    intercept: float
    knot: float
    bend: float
    band: tuple[tuple[float, float, float], ...]
    venn_abers: tuple[tuple[float, float, float], ...]

    def probability(self, score: float) -> tuple[float, float, float]:
        """Return estimate, low and high, each between 0 and 1.

        Where the map leaves what was found, the estimate is the nearest end of the band.
        """
        low, high = _between(self.band, score)
        middle = float(self.probabilities(np.array([score]))[0])
        return min(max(middle, low), high), low, high

    def one_more_case(self, score: float) -> tuple[float, float]:
        """Return what one more case of either outcome would make of the frequency here."""
        return _between(self.venn_abers, score)

    def uncertain(self, score: float) -> bool:
        """Say whether too little like this score was seen to trust its estimate."""
        low, high = self.one_more_case(score)
        seen = self.venn_abers[0][0] <= score <= self.venn_abers[-1][0]
        return not seen or high - low > WIDE_RANGE

    def probabilities(self, scores: Floats) -> Floats:
        """Return the estimates of many scores, shape (n,)."""
        above = np.maximum(scores - self.knot, 0.0)
        return sigmoid(self.slope * scores + self.intercept + self.bend * above)

    def estimates(self, scores: Floats) -> Floats:
        """Return the estimates of many scores as they are told, within the band, shape (n,)."""
        at, low, high = np.array(self.band).T
        told: Floats = np.clip(
            self.probabilities(scores), np.interp(scores, at, low), np.interp(scores, at, high)
        )
        return told

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
    """One resampled fit; it has not seen the households of its fold."""

    intercept: float
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class ModelTable:
    """One model, whole: everything that scoring, explaining and auditing it needs.

    Attributes
    ----------
    point
        Log-odds of one whole point, a short binary fraction so that equal totals are equal
        scores to the last bit; None where the points of the lines are log-odds themselves.
    codes
        Those it was fitted on: events of any other are counted apart, in no feature.
    """

    version: str
    family: str
    outcome: str
    horizon_days: int
    intercept: float
    point: float | None
    features: tuple[TableFeature, ...]
    calibration: Calibration
    cut: float
    trained_until: str
    test_from: str
    hashes: dict[str, str]
    codes: tuple[str, ...]
    bags: tuple[Bag, ...]

    def contributions(self, values: Floats) -> Floats:
        """Return the points of each column, shape (rows, columns); 0 where no line looks."""
        return contributions(self.features, values)

    def scores(self, values: Floats) -> Floats:
        """Return the log-odds of each row, shape (rows,); the same alone or in a batch."""
        return add_up(self.intercept, self.features, values)

    def explained(self, values: Floats) -> tuple[Floats, Floats]:
        """Return contributions and scores, the same, in one look at each line."""
        return explained(self.intercept, self.features, values)

    def bag_scores(self, values: Floats) -> Floats:
        """Return each bag's log-odds, shape (rows, bags)."""
        return bag_scores(self.bags, values)

    def indistinguishable(self, score: float) -> tuple[float, float]:
        """Return the scores whose estimate lies in this score's band: it cannot be told apart."""
        _, low, high = self.calibration.probability(score)
        return min(self.calibration.score(low), score), max(self.calibration.score(high), score)

    def whole_points(self, feature: TableFeature) -> tuple[int, ...] | None:
        """Return the whole points of a line, the missing ones last; None if it has none.

        The lowest is 0, so that points are only ever added.
        """
        if self.point is None:
            return None
        points = np.array([*feature.points, feature.missing])
        return tuple(np.rint((points - points.min()) / self.point).astype(int).tolist())

    @property
    def start(self) -> float:
        """Log-odds before a whole point is added: what a total of 0 stands for."""
        return self.intercept + sum(min(*f.points, f.missing) for f in self.features)

    def canonical(self) -> bytes:
        """Return the bytes that are hashed and signed."""
        return _canonical({"format": FORMAT, **_fields(self)})

    @cached_property
    def hash(self) -> str:
        """SHA-256 (hex) of the canonical bytes; every signal of a scoring is told it."""
        return hashlib.sha256(self.canonical()).hexdigest()


def contributions(lines: Sequence[Line], values: Floats) -> Floats:
    """Return the points of each column of ``values``, shape (rows, columns)."""
    return explained(0.0, lines, values)[0]


def explained(intercept: float, lines: Sequence[Line], values: Floats) -> tuple[Floats, Floats]:
    """Return the points of each column, shape (rows, columns), and the log-odds, (rows,)."""
    found, total = np.zeros(values.shape), np.full(len(values), intercept)
    for line in lines:
        points = line.contribution(values[:, line.column])
        found[:, line.column] += points
        total += points
    return found, total


def row_contributions(lines: Sequence[Line], row: Floats) -> Floats:
    """Return the points of each column of one row, shape (columns,).

    As :func:`contributions`, without a thousand small arrays: every bag is asked about a row.
    """
    given, logarithms = row.tolist(), np.log1p(np.maximum(row, 0.0)).tolist()
    found = [0.0] * len(given)
    for line in lines:
        found[line.column] += line.at(given[line.column], logarithms[line.column])
    return np.array(found)


def add_up(intercept: float, lines: Sequence[Line], values: Floats) -> Floats:
    """Return the log-odds of each row, shape (rows,).

    Line by line: the sum has one order, so one row and a million agree bit for bit.
    """
    total = np.full(len(values), intercept)
    for line in lines:
        total += line.contribution(values[:, line.column])
    return total


def bag_scores(bags: Sequence[Bag], values: Floats) -> Floats:
    """Return each bag's log-odds, shape (rows, bags)."""
    return np.column_stack([add_up(bag.intercept, bag.lines, values) for bag in bags])


def _between(grid: tuple[tuple[float, float, float], ...], score: float) -> tuple[float, float]:
    at, low, high = zip(*grid, strict=True)
    return float(np.interp(score, at, low)), float(np.interp(score, at, high))


def sigmoid(log_odds: Floats) -> Floats:
    """Return probabilities; written with tanh, which never overflows."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * log_odds))
    return result


def write_table(table: ModelTable, path: Path, sign: Callable[[bytes], str]) -> None:
    """Write a signed table file."""
    body = json.loads(table.canonical())
    envelope = {"table": body, "signature": sign(table.canonical())}
    text = json.dumps(envelope, indent=1, ensure_ascii=False)
    # A list of numbers is read along the line, not down the page.
    text = re.sub(r"\[[^][{}]*\]", lambda found: re.sub(r"\n\s*", " ", found[0]), text)
    path.write_text(text + "\n", encoding="utf-8")


def read_table(path: Path, verify: Callable[[bytes, str], None]) -> ModelTable:
    """Read a table file and check its signature.

    Raises
    ------
    UnreadableTable
        Missing, not a table, of another format, or with a line that cannot be added up.
    features.keys.ForgedSignature
        Changed since it was signed.
    """
    try:
        return _verified(path.read_bytes(), verify)
    except FileNotFoundError as error:
        raise UnreadableTable(
            f"there is no model {path.parent.name}: `rebond train` prints the versions it made."
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        found = str(error)[:_SHOWN]
        raise UnreadableTable(
            f"{path.name} is not a {FORMAT} file ({found}); train again."
        ) from error


@lru_cache(maxsize=_REMEMBERED)
def _verified(content: bytes, verify: Callable[[bytes, str], None]) -> ModelTable:
    """Read a table and check its signature; the same bytes under the same key are checked once."""
    envelope = json.loads(content)
    body, signature = envelope["table"], envelope["signature"]
    found = body.pop("format")
    if found != FORMAT:
        raise UnreadableTable(f"a table of format {found!r} is not a {FORMAT} file; train again.")
    table = _table(body)
    verify(table.canonical(), signature)
    return table


def schema() -> dict[str, Any]:
    """Return the published JSON Schema of ``table.json`` (draft 2020-12)."""
    found: dict[str, Any] = json.loads(
        Path(__file__).with_name("table.schema.json").read_text(encoding="utf-8")
    )
    return found


def _table(body: dict[str, Any]) -> ModelTable:
    return ModelTable(
        **{
            **body,
            "features": tuple(_line(TableFeature, f) for f in body["features"]),
            "codes": tuple(body["codes"]),
            "calibration": Calibration(
                **{
                    **body["calibration"],
                    "band": _rows(body["calibration"]["band"]),
                    "venn_abers": _rows(body["calibration"]["venn_abers"]),
                }
            ),
            "bags": tuple(
                Bag(**{**bag, "lines": tuple(_line(Line, line) for line in bag["lines"])})
                for bag in body["bags"]
            ),
        }
    )


def _line(kind: type[L], plain: dict[str, Any]) -> L:
    given: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in plain.items()}
    return kind(**given)


def _rows(plain: list[list[float]]) -> tuple[tuple[float, float, float], ...]:
    return tuple((at, low, high) for at, low, high in plain)


def _canonical(plain: dict[str, Any]) -> bytes:
    # Python writes the shortest text that reads back as the same float: nothing is lost.
    text = json.dumps(
        plain,
        sort_keys=True,
        ensure_ascii=False,
        separators=(",", ":"),
        allow_nan=False,
        default=_fields,
    )
    return text.encode()


def _fields(record: Any) -> dict[str, Any]:
    # Unlike `asdict`, which copies every number of every line.
    return {field.name: getattr(record, field.name) for field in fields(record)}
