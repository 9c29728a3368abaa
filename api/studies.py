"""Training and auditing, composed: the store feeds the study, the committee gets the result.

The one module of this room that needs the ``train`` extra; the command line imports it only
when one of its commands is called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from api.audit_context import describe_audit
from api.audit_surroundings import surroundings_of
from api.gate import (
    MEASURES,
    check_assessment,
    check_protocol,
    check_same_folds,
    file_hash,
    load_table,
)
from api.home import Home
from api.human_side import human_side_of
from api.reach import check_out_of_reach
from audits.engine import assess
from audits.records import AuditResult
from audits.releases import Telling, Told, counts_of, since_when, tell, to_withhold
from audits.report.writing import report_hash, write_report
from audits.secrecy import publish
from audits.surroundings import Surroundings
from features.engine import Engine, StoreEngine
from features.errors import RebondError
from features.point_in_time import check_outcome_occurs
from features.protocol import Protocol
from features.staging import staging
from features.store import EventStore
from modeles.families import AdditiveFamily
from modeles.measures import list_at_capacity
from modeles.provenance import code_hash
from modeles.registry import Registry
from modeles.selection import SEARCH
from modeles.training import Recipe, TrainingResult, train, unseen_scores
from modeles.validation import build_studies, build_study
from revue import committee
from revue.records import Actor, ModelState

Progress = Callable[[str], None]

SEED = 20260101
"""Seeds every fit and every resampling; any other would do."""


class NothingTrained(RebondError):
    """There is no model to audit."""


@dataclass(frozen=True)
class AuditOutcome:
    """An audit, what is told around it but how people decided, and where its report was written.

    ``approvals_ended`` says that approvals of an earlier audit of this model count no more.
    """

    version: str
    result: AuditResult
    surroundings: Surroundings
    report: dict[str, Path]
    approvals_ended: bool


def train_models(
    home: Home,
    *,
    by: Actor,
    progress: Progress,
    engine: Callable[[EventStore], Engine] = StoreEngine,
    search: Sequence[AdditiveFamily] = SEARCH,
) -> TrainingResult:
    """Train every family, register the tables and put the promotable ones to the committee.

    Parameters
    ----------
    home
        The home.
    by, progress
        Who trains, and who is told what is being done.
    engine
        Makes what reads the events; default, DuckDB on this machine.
    search
        Families and settings that are tried.

    Raises
    ------
    AssessmentMissing, api.reach.KeysInReach
        On a production home without a signed assessment, or where this process could read the
        keys of pseudonyms or the vault.
    features.errors.RebondError
        No data, no outcome, an empty cohort, one class: see :mod:`modeles.validation`.
    """
    check_assessment(home)
    check_out_of_reach(home)
    epoch = home.keys.epoch
    store = home.store.at_once()
    reading = engine(store)
    protocol, extracted_on = _checked(store, reading)
    progress("measuring features at every review date")
    studies = build_studies(protocol, reading, extracted_on)
    progress("opening the model registry")
    recipe = Recipe(
        sign=home.keys.sign,
        draw_key=home.keys.subkey("draw"),
        hashes={"data": store.data_hash, "code": code_hash()},
        seed=SEED,
        search=tuple(search),
    )
    result = train(
        studies,
        recipe,
        registry=Registry(home.mlflow_uri, home.mlflow_artifacts),
        folder=home.model_folder,
        progress=progress,
    )
    measured = [candidate.as_dict() for candidate in result.candidates]
    for table in result.tables:
        (home.model_folder(table.version) / MEASURES).write_text(
            json.dumps(measured, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    promotable = {c.version for c in result.candidates if c.promotable}
    with home.transaction() as session:
        home.check_epoch(session, epoch)
        for table in result.tables:
            if table.version in promotable:
                committee.register_model(
                    session,
                    version=table.version,
                    family=table.family,
                    table_hash=table.hash,
                    protocol_hash=protocol.hash,
                    data_hash=table.hashes["data"],
                    chosen=table.version == result.chosen,
                    by=by,
                    now=home.now(),
                )
    return result


def audit_model(home: Home, version: str | None, *, by: Actor, progress: Progress) -> AuditOutcome:
    """Audit one model on its test dates; predictions are recomputed and not kept.

    Parameters
    ----------
    home
        The home.
    version
        Default: the model chosen by the newest training.
    by, progress
        Who audits, and who is told what is being done.

    Raises
    ------
    NothingTrained, OtherProtocol, modeles.table.UnreadableTable
        No model, or one that does not fit what was imported last.
    FormerKeys
        The keys were rotated since the model was trained.
    features.sensitive.AttributesExpired
        The sensitive attributes are too old to be read.
    """
    version = version or _newest_chosen(home)
    table = load_table(home, version)
    check_same_folds(home, version)
    store = home.store.at_once()
    check_protocol(table, store.protocol())
    with staging(home.folder, home.was_committed):  # an import may be sealing other attributes
        home.sensitive.mark_audited(on=home.today())
    engine = StoreEngine(store)
    protocol, extracted_on = _checked(store, engine)
    progress("measuring features at every review date")
    study = build_study(
        protocol,
        engine,
        extracted_on,
        test_from=date.fromisoformat(table.test_from),
        vocabulary=frozenset(table.codes),
    )
    progress("recomputing predictions")
    scores = unseen_scores(table, study)
    cohort = study.test.cohort
    listing = list_at_capacity(
        cohort, scores, protocol.capacity, home.keys.subkey("draw"), version, table.cut
    )
    attributes = home.sensitive.attributes(
        cohort["person"].tolist(), protocol.audit.attributes, on=home.today()
    )
    predictions = cohort[["person", "as_of", "label", "team"]].assign(
        selected=listing.selected,
        score=scores,
        probability=table.calibration.estimates(scores),
        **{name: attributes[name] for name in attributes.columns},
    )
    progress("resampling persons")
    assessed = assess(
        # Somebody with an open or recent signal could not be listed: neither missed nor found.
        predictions[listing.eligible].reset_index(drop=True),
        attributes=protocol.audit.attributes,
        intersections=protocol.audit.intersections,
        tolerance=protocol.audit.tolerance,
        seed=SEED,
    )
    counts = counts_of(assessed)
    own, others = _told_before(home, version, study.split.test_dates[0])
    result = publish(
        assessed.result,
        assessed.population,
        assessed.groupings,
        without_numbers=to_withhold(counts, own, others),
    )
    surroundings = surroundings_of(
        home,
        table,
        study,
        scores=scores,
        listing=listing,
        attributes=attributes,
        result=result,
        engine=engine,
        seed=SEED,
        progress=progress,
    )
    with home.transaction() as session:
        human = human_side_of(home, session, version, protocol)
    progress("writing the report")
    context = describe_audit(table, protocol, listing, _measured(home, version))
    now = Telling(result, replace(surroundings, human=human), context.capacity)
    told, standing = tell(now, counts, own, others, on=home.today())
    # Noted before it is told: the other way round, a crash between the two would cost a person.
    home.write_told(version, told.as_bytes())
    result, surroundings = told.last.result, replace(told.last.around, human=None)
    report = write_report(
        result,
        replace(context, capacity=told.last.capacity, limits=tuple(since_when(told, standing))),
        home.report_folder(version),
        written_on=home.today(),
        surroundings=told.last.around,
    )
    with home.transaction() as session:
        before = _state(home, session, version)
        if before is not None:
            committee.record_audit(
                session,
                version=version,
                verdict=result.verdict,
                audit_hash=file_hash(report["json"]),
                report_hash=report_hash(home.report_folder(version)),
                by=by,
                now=home.now(),
            )
        ended = before in _VOTED and _state(home, session, version) is ModelState.PROPOSED
    return AuditOutcome(version, result, surroundings, report, ended)


def _told_before(home: Home, version: str, tested_from: date) -> tuple[Told | None, list[Told]]:
    """Read what was told of a model, and of others that are tested from the same day."""
    of = {
        folder.name: Told.of_bytes(plain)
        for folder in sorted(home.report_folder(version).parent.glob("*"))
        if (plain := home.read_told(folder.name)) is not None
    }
    own = of.pop(version, None)
    return own, [told for told in of.values() if told.tested_from == tested_from]


_VOTED = (ModelState.ONE_APPROVAL, ModelState.APPROVED)


def _state(home: Home, session: Session, version: str) -> ModelState | None:
    """Say where a model stands with the committee; None where it was never put to it."""
    models = committee.models(session, today=home.today())
    return next((model.state for model in models if model.version == version), None)


def _newest_chosen(home: Home) -> str:
    versions = [int(f.parent.name) for f in home.folder.glob(f"models/*/{MEASURES}")]
    if not versions:
        raise NothingTrained("no model was trained yet: run `rebond train` first.")
    newest = {line["version"] for line in _measured(home, str(max(versions)))}
    with home.transaction() as session:
        models = committee.models(session, today=home.today())
    chosen = [model.version for model in models if model.chosen and model.version in newest]
    if not chosen:
        raise NothingTrained(
            "the newest training chose no model, for none beats every naive rule: name a version "
            "to audit it all the same."
        )
    return chosen[0]


def _measured(home: Home, version: str) -> list[dict[str, Any]]:
    path = home.model_folder(version) / MEASURES
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _checked(store: EventStore, engine: Engine) -> tuple[Protocol, date]:
    """Return the protocol and the last day known, where there is something to study."""
    if store.extracted_on is None:
        raise NothingTrained("nothing was imported yet: run `rebond import FOLDER` first.")
    protocol = store.protocol()
    check_outcome_occurs(protocol, engine.codes())
    return protocol, store.extracted_on
