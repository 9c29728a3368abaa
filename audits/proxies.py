"""Proxies: how well what the model looks at tells a group of which it is never told.

Taking an attribute out of a model does not take it out of the data. Three questions, about
persons at their latest audited date: do the features together tell a group, on persons that
were not fitted on; which of them does so alone; and is having no value for one of them
already telling? Fitted by histogram boosting: it finds steps, turns and combinations that a
straight line does not, and takes missing values as they are; a proxy has no reason to be
a straight line.

Each person is judged by one of four fits, which were fitted on mostly the same persons: their
errors go together, and an interval that took them as independent held 83 times in 100 where it
should 95 times (simulated, without and with a weak proxy); with the correction below, 95 to 99
times. Where nothing tells a group, its AUC lies a hair below one half.

References
----------
Obuchowski (1997), AUC of clustered data, as :func:`modeles.measures.auc_sample` has it.
Nadeau & Bengio (2003), Inference for the generalization error: the variance over fits.
Newcombe (1998), Interval estimation for the difference between independent proportions,
method 10. Hanley & Lippman-Hand (1983), If nothing goes wrong, is everything all right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from audits.records import ENOUGH
from audits.statistics import CONFIDENCE
from audits.suppression import K
from audits.surroundings import MissingProxy, Proxy, ProxyFeature
from modeles.measures import AucSample, auc_sample, pooled
from modeles.table import TableFeature

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

FITS = 4
"""Fits, each judged on the households that it has not seen; divides the folds of a study."""
MOST_TOLD = 5
"""Single features that are named for a group."""
LEAST_SHARE = 0.01
"""Missing values that differ by less than a whole percent are not told."""

TOGETHER = math.sqrt(1 + FITS / (FITS - 1))
"""How much wider an interval is over fits that share most of their persons."""

_HALF = 0.5
_RULE_OF_THREE = 3.0
_OTHERS = -1


def find_proxies(
    features: Sequence[TableFeature],
    values: Floats,
    score: Floats,
    attributes: pd.DataFrame,
    household: Ints,
    fold: Ints,
    *,
    seed: int = 0,
) -> tuple[Proxy, ...]:
    """Measure how well features tell each group of each attribute.

    Parameters
    ----------
    features
        The lines of the table; each names its column of ``values``, of which there may be more
        than one line.
    values
        Shape (persons, columns), NaN where there is no value.
    score
        The model's estimate, shape (persons,).
    attributes
        One column per attribute, nothing missing, shape (persons, attributes).
    household, fold
        Numbers from 0, shape (persons,); a household is in one fold.
    seed
        Of the fits.

    Returns
    -------
    tuple of Proxy
        One per group, in order of attribute and value. A group with fewer than
        :data:`audits.records.ENOUGH` persons inside or outside has only its name. Single
        features are named where their interval, widened so that all of the audit hold
        together (Bonferroni), stays clear of one half.
    """
    features = _once(features)
    own = values[:, [feature.column for feature in features]]
    groups = list(_groups(attributes))
    judged = {
        name: _together(own, column.to_numpy(object), household, fold, seed)
        for name, column in attributes.items()
    }
    ends = [(-math.inf, math.inf) if np.isnan(column).any() else (0.0,) for column in own.T]
    looks = sum(map(len, ends)) * sum(group.enough for group in groups)
    found = []
    for group in groups:
        together = judged[group.attribute].get(group.value)
        if not group.enough or together is None:
            found.append(Proxy(group.attribute, group.value, None, None, None, None, ()))
            continue
        reach = _reach(together, group, TOGETHER * _critical(1))
        inside = group.inside.astype(float)
        alone = []
        for feature, column, places in zip(features, own.T, ends, strict=True):
            for place in places:
                # What is missing stands at that end of the axis where it tells more.
                sample = auc_sample(inside, np.where(np.isnan(column), place, column), household)
                telling = abs(sample.auc - _HALF)
                if telling > _reach(sample, group, _critical(looks)):
                    alone.append(ProxyFeature(feature.title, feature.name, _HALF + telling))
        best: dict[str, ProxyFeature] = {}
        for told in sorted(alone, key=lambda told: -told.auc):
            best.setdefault(told.column, told)
        found.append(
            Proxy(
                attribute=group.attribute,
                value=group.value,
                auc=together.auc,
                low=max(0.0, together.auc - reach),
                high=min(1.0, together.auc + reach),
                score=auc_sample(inside, score, household).auc,
                features=tuple(best.values())[:MOST_TOLD],
            )
        )
    return tuple(found)


def find_missing(
    features: Sequence[TableFeature], values: Floats, attributes: pd.DataFrame
) -> tuple[MissingProxy, ...]:
    """Find the features that are missing more often in one group than elsewhere.

    Intervals hold for all features and groups together (Bonferroni); those are told whose
    lower end is at least a percent. Shares are whole percents. Each stands for k persons
    with and without a value, inside and elsewhere, and so do the groups not told of,
    which could be computed back.

    Parameters
    ----------
    features, values, attributes
        As for :func:`find_proxies`.

    Returns
    -------
    tuple of MissingProxy
        In order of attribute, then the widest difference first.
    """
    absent = {feature: np.isnan(values[:, feature.column]) for feature in _once(features)}
    absent = {feature: missing for feature, missing in absent.items() if missing.any()}
    groups = list(_groups(attributes))
    critical = _critical(len(absent) * sum(group.enough for group in groups))
    found = []
    for name in attributes.columns:
        mine = [group for group in groups if group.attribute == name]
        told = []
        for feature, missing in absent.items():
            told += _missing_of(feature, missing, mine, critical)
        found += sorted(told, key=lambda proxy: proxy.elsewhere - proxy.share)
    return tuple(found)


def _once(features: Sequence[TableFeature]) -> tuple[TableFeature, ...]:
    return tuple({feature.column: feature for feature in features}.values())


@dataclass(frozen=True)
class _Group:
    attribute: str
    value: str
    inside: Bools

    @property
    def smaller(self) -> int:
        """Persons inside, or outside where those are fewer."""
        members = int(self.inside.sum())
        return min(members, len(self.inside) - members)

    @property
    def enough(self) -> bool:
        return self.smaller >= ENOUGH


def _groups(attributes: pd.DataFrame) -> Iterator[_Group]:
    for name, column in attributes.items():
        for value in sorted(column.unique()):
            yield _Group(str(name), value, (column == value).to_numpy(bool))


def _together(
    values: Floats, column: npt.NDArray[np.object_], household: Ints, fold: Ints, seed: int
) -> dict[str, AucSample]:
    """Judge each group by fits that have not seen the household; the mean over the fits."""
    names, code, members = np.unique(column, return_inverse=True, return_counts=True)
    label = np.where(members[code] >= ENOUGH, code, _OTHERS)
    households = int(household.max(initial=-1)) + 1
    samples: dict[str, list[AucSample]] = {}
    for left_out in range(FITS):
        judged = fold % FITS == left_out
        if len(np.unique(label[~judged])) < 2 or not judged.any():  # noqa: PLR2004 - two sides
            continue
        seen = values[~judged]
        # scikit-learn does not take a column without any value.
        seen = np.where(np.isnan(seen).all(axis=0), 0.0, seen)
        with threadpool_limits(limits=1):  # small trees gain nothing from more threads
            fit = HistGradientBoostingClassifier(
                max_iter=30,
                max_leaf_nodes=6,
                max_bins=32,
                l2_regularization=5.0,
                early_stopping=False,
                random_state=seed,
            ).fit(seen, label[~judged])
            chance = fit.predict_proba(values[judged])
        for group, own in zip(fit.classes_, chance.T, strict=True):
            inside = label[judged] == group
            if group != _OTHERS and inside.any() and not inside.all():
                sample = auc_sample(inside.astype(float), own, household[judged], households)
                samples.setdefault(str(names[group]), []).append(sample)
    return {value: pooled(judgements) for value, judgements in samples.items()}


def _critical(looks: int) -> float:
    """Two-sided Gaussian quantile with which so many intervals hold together."""
    return NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / max(looks, 1))


def _reach(sample: AucSample, group: _Group, critical: float) -> float:
    """Half the width of an interval; never so narrow as to be certain of a few persons."""
    return max(critical * sample.standard_error, _RULE_OF_THREE / group.smaller)


def _missing_of(
    feature: TableFeature, missing: Bools, groups: Sequence[_Group], critical: float
) -> list[MissingProxy]:
    """Say which groups of one attribute lack a value more often, the widest difference first."""
    candidates = []
    for group in groups:
        share, elsewhere, low, high = _difference(missing, group.inside, critical)
        if group.enough and low >= LEAST_SHARE:
            shown = (round(number, 2) for number in (share, elsewhere, low, high))
            told = MissingProxy(group.attribute, group.value, feature.title, feature.name, *shown)
            candidates.append((share - elsewhere, group, told))
    candidates.sort(key=lambda candidate: -candidate[0])
    left = np.ones(len(missing), bool)
    found = []
    for _, group, told in candidates:
        rest = left & ~group.inside
        if all(_spoken(missing, who) for who in (group.inside, ~group.inside, rest)):
            found.append(told)
            left = rest
    return found


def _spoken(missing: Bools, who: Bools) -> bool:
    """Say whether k persons stand on either side of a share, or nobody is in it."""
    without, of = int((missing & who).sum()), int(who.sum())
    return not of or min(without, of - without) >= K


def _difference(
    missing: Bools, inside: Bools, critical: float
) -> tuple[float, float, float, float]:
    """Share inside, share elsewhere, and the interval of the difference (Newcombe)."""
    if inside.all() or not inside.any():
        return math.nan, math.nan, math.nan, math.nan
    (share, low, high), (other, other_low, other_high) = (
        _wilson(int((missing & who).sum()), int(who.sum()), critical) for who in (inside, ~inside)
    )
    difference = share - other
    return (
        share,
        other,
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


def _wilson(part: int, of: int, critical: float) -> tuple[float, float, float]:
    share, weight = part / of, critical**2 / of
    middle = (share + weight / 2) / (1 + weight)
    reach = math.sqrt(share * (1 - share) * weight + weight**2 / 4) / (1 + weight)
    return share, middle - reach, middle + reach
