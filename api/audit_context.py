"""What the audit report says around the findings, taken from the model, protocol and lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from api.families import family_name
from audits.report import AuditContext, CandidateLine, FeatureLines, MeasureLine
from features.french import count
from features.protocol import Protocol
from modeles.measures import Listing
from modeles.table import ModelTable

LIMITS = (
    "La comparaison ne porte que sur les attributs prévus par le protocole ; un écart selon un "
    "autre attribut n'y apparaît pas.",
)


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
    return AuditContext(
        subject=f"modèle {table.version}",
        protocol=protocol.name,
        outcome=protocol.outcome.label,
        data_hash=table.hashes["data"],
        model_hash=table.hash,
        protocol_hash=protocol.hash,
        capacity=_capacity(protocol, listing),
        candidates=tuple(_candidate(line, table.version) for line in measured),
        features=tuple(FeatureLines(f.title, f.lines()) for f in table.features),
        limits=LIMITS,
    )


def _capacity(protocol: Protocol, listing: Listing) -> tuple[MeasureLine, ...]:
    listed = sum(date.listed for date in listing.dates)
    labelled = sum(date.labelled for date in listing.dates)
    return (
        MeasureLine("Dates de revue mesurées", str(len(listing.dates))),
        MeasureLine(
            "Places par date",
            str(protocol.capacity.per_review),
            f"dont {protocol.capacity.control_share:.0%} tirées au hasard",
        ),
        MeasureLine(
            "Utilité de la liste",
            _share(listing.precision),
            "sur 100 situations listées, celles où l'issue est survenue (moyenne des dates)",
        ),
        MeasureLine(
            "Part repérée",
            _share(listing.recall),
            "sur 100 situations où l'issue est survenue, celles qui étaient listées (moyenne)",
        ),
        MeasureLine("Part repérée, pire date", _share(listing.worst_recall)),
        MeasureLine(
            "Suites connues",
            f"{labelled} sur {count(listed, 'situation listée', 'situations listées')}",
        ),
    )


def _candidate(line: dict[str, Any], version: str) -> CandidateLine:
    return CandidateLine(
        family=family_name(str(line["family"])),
        chosen=line["version"] == version,
        promotable=bool(line["promotable"]),
        auc=line["auc"],
        precision_at_capacity=line["precision_at_capacity"],
        recall_at_capacity=line["recall_at_capacity"],
    )


def _share(value: float) -> str:
    return "non mesurable" if math.isnan(value) else f"{100 * value:.0f} sur 100"
