"""What the audit report says around the findings, taken from the model, protocol and lists."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from api.families import family_name
from audits.report.context import (
    AuditContext,
    Candidate,
    ListMeasures,
    MeasuredFact,
    ModelBin,
    ModelFeature,
    Words,
)
from features.catalogue import Feature, catalogue
from features.protocol import Protocol
from modeles.measures import Listing
from modeles.table import ModelTable


def describe_audit(
    table: ModelTable,
    protocol: Protocol,
    listing: Listing,
    measured: Sequence[dict[str, Any]],
) -> AuditContext:
    """Gather what surrounds the findings.

    Parameters
    ----------
    table, protocol
        What was audited.
    listing
        The lists at capacity of the test dates.
    measured
        Every candidate of the training under the contract's keys.
    """
    facts = _facts(catalogue(protocol))
    return AuditContext(
        subject=table.version,
        kind="model",
        protocol=protocol.name,
        outcome=protocol.outcome.label,
        data_hash=table.hashes["data"],
        model_hash=table.hash,
        protocol_hash=protocol.hash,
        capacity=_capacity(protocol, listing),
        candidates=tuple(_candidate(line, table.version) for line in measured),
        features=tuple(_features(table, facts)),
        facts=tuple(facts.values()),
    )


def model_features(table: ModelTable, features: Iterable[Feature]) -> tuple[ModelFeature, ...]:
    """Return the lines of a table with their words, by the catalogue they were made from."""
    return tuple(_features(table, _facts(features)))


def _facts(features: Iterable[Feature]) -> dict[str, MeasuredFact]:
    return {
        feature.name: MeasuredFact(feature.name, Words(feature.title, feature.title_in("en")))
        for feature in features
    }


def _capacity(protocol: Protocol, listing: Listing) -> ListMeasures:
    return ListMeasures(
        review_dates=len(listing.dates),
        per_review=protocol.capacity.per_review,
        control_share=protocol.capacity.control_share,
        precision=_measured(listing.precision),
        recall=_measured(listing.recall),
        worst_recall=_measured(listing.worst_recall),
        listed=sum(date.listed for date in listing.dates),
        labelled=sum(date.labelled for date in listing.dates),
    )


def _candidate(line: dict[str, Any], version: str) -> Candidate:
    family = str(line["family"])
    return Candidate(
        name=Words(family_name(family), family_name(family, "en")),
        chosen=line["version"] == version,
        promotable=bool(line["promotable"]),
        auc=line["auc"],
        precision_at_capacity=line["precision_at_capacity"],
        recall_at_capacity=line["recall_at_capacity"],
    )


def _features(table: ModelTable, facts: Mapping[str, MeasuredFact]) -> Iterator[ModelFeature]:
    for feature in table.features:
        yield ModelFeature(
            title=Words(feature.title, facts[feature.name].title.en),
            bins=tuple(
                ModelBin(Words(fr, en), points, whole)
                for (fr, points), (en, _), whole in zip(
                    feature.lines(),
                    feature.lines("en"),
                    table.whole_points(feature) or repeat(None),
                    strict=False,
                )
            ),
        )


def _measured(value: float) -> float | None:
    return None if math.isnan(value) else value
