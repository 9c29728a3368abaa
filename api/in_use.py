"""What is in use in a home now, gathered once for the assessment and the registers.

Nothing about a person: protocol, catalogue, durations, and the model that scores or was
registered last, with its audit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from api.gate import load_table
from api.home import Home
from api.measured import Measured, read_measured
from api.retention import RetentionRow, retention_table
from api.settings import Settings
from audits.report.writing import FINDINGS
from features.catalogue import Feature, catalogue
from features.errors import RebondError
from features.protocol import Protocol
from modeles.table import ModelTable
from revue import committee, wordings
from revue.database import undeclared
from revue.records import ModelRow, ModelState

VERDICTS = {
    "pass": "les écarts mesurés sont dans la tolérance du protocole",
    "fail": "un écart mesuré dépasse la tolérance du protocole",
    "cannot_assess": "les effectifs ne suffisent pas pour conclure",
}
TO_COMPLETE = "À compléter par le responsable de traitement"
"""Begins every sentence that only people can write."""


@dataclass(frozen=True)
class ModelInUse:
    """A model, what the committee said of it, and its newest audit as written."""

    row: ModelRow
    table: ModelTable
    measured: Measured | None
    audit: dict[str, Any] | None


class NotDeclared(RebondError):
    """The database holds what nobody declared, so that no register would tell of it."""


@dataclass(frozen=True)
class InUse:
    """What stands in the documents."""

    settings: Settings
    protocol: Protocol
    features: tuple[Feature, ...]
    retention: tuple[RetentionRow, ...]
    model: ModelInUse | None
    now: datetime


def in_use(home: Home, version: str | None = None) -> InUse:
    """Gather what is in use.

    Parameters
    ----------
    home
        The home.
    version
        The model to tell about; default, the approved one, else the one registered last.

    Raises
    ------
    features.store.EmptyStore
        Nothing was imported yet.
    NotDeclared
        The database holds a table or column that was never declared (S27).
    revue.committee.NoSuchModel, modeles.table.UnreadableTable
        No such model.
    """
    protocol = home.store.protocol()
    with home.transaction() as session:
        unknown = undeclared(session)
        if unknown:
            raise NotDeclared(
                f"{home.database.name} holds what no register tells of: {', '.join(unknown)}. "
                "Find out who put it there and what it holds, then take it out."
            )
        mended = wordings.current(session, home.keys.verify)
        model = _model(home, session, version)
    return InUse(
        settings=home.settings,
        protocol=protocol,
        features=catalogue(protocol, mended),
        retention=retention_table(home.settings),
        model=model,
        now=home.now(),
    )


def to_complete(what: str) -> str:
    """Write the sentence that leaves a place visibly open."""
    return f"{TO_COMPLETE} : {what}."


def _model(home: Home, session: Session, version: str | None) -> ModelInUse | None:
    if version is None:
        models = committee.models(session, today=home.today())
        approved = [model for model in models if model.state is ModelState.APPROVED]
        chosen = next(iter((*approved, *(one for one in models if one.chosen), *models)), None)
    else:
        load_table(home, version)  # says first what is no version at all
        chosen = committee.model(session, version, today=home.today())
    if chosen is None:
        return None
    findings = home.report_folder(chosen.version) / FINDINGS
    return ModelInUse(
        chosen,
        load_table(home, chosen.version),
        read_measured(home, chosen.version),
        json.loads(findings.read_text(encoding="utf-8")) if findings.is_file() else None,
    )
