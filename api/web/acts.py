"""What pages and the JSON API do alike: each act one transaction, each reading one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from api import gate
from api.gate import file_hash, load_table
from api.home import Home
from api.situations import facts_of
from api.web.access import Visit
from api.web.faults import AuditChanged, NoReport
from api.web.rendering import person_label
from audits.report.writing import FINDINGS, report_hash
from features.catalogue import catalogue, first_wordings
from features.errors import RebondError
from features.keys import SealBroken
from features.phrases import Language
from modeles.scoring import reword
from revue import committee, directory, review, wordings
from revue.permissions import NotYours
from revue.records import ModelRow, ModelState, PersonRow, SignalView, Wording
from revue.vault import display_name

_DAYS_A_MONTH = 30


@dataclass(frozen=True)
class Outcome:
    """What a model looks ahead to, as a sentence takes it."""

    words: str
    horizon: str


GENERIC_OUTCOME = Outcome("l'événement suivi", "mois qui suivaient")


class CommitteeAct(StrEnum):
    """What the committee can do with a model."""

    APPROVE = "approve"
    REJECT = "reject"
    SUSPEND = "suspend"
    RESUME = "resume"


_VOTES: Mapping[CommitteeAct, Callable[..., ModelState]] = {
    CommitteeAct.REJECT: committee.reject,
    CommitteeAct.SUSPEND: committee.suspend,
    CommitteeAct.RESUME: committee.resume,
}


def open_situation(visit: Visit, person: str) -> str:
    """Open a situation on the educator's own initiative; returns its id."""
    home = visit.home
    with home.transaction() as session:
        if person not in {row.person for row in people_of(session, visit)}:
            raise NotYours(f"{visit.actor.login} does not accompany this person.")
        facts = facts_of(home, person)
        return review.open_own(
            session,
            visit.actor,
            person=person,
            facts=facts,
            due_on=home.today() + timedelta(days=home.settings.due_days),
            now=home.now(),
        )


def people_of(session: Session, visit: Visit) -> tuple[PersonRow, ...]:
    """List everybody an educator accompanies, by the limits of the home's protocol."""
    home = visit.home
    if home.store.extracted_on is None:
        return directory.people_of(session, visit.actor, today=home.today())
    protocol = home.store.protocol()
    return directory.people_of(
        session,
        visit.actor,
        today=home.today(),
        min_history_days=protocol.population.min_history_days,
        repeat_days=protocol.capacity.repeat_days,
    )


def names_of(session: Session, visit: Visit, people: Iterable[str]) -> dict[str, str]:
    """Say how each person is shown to this educator: by name where the vault gives it.

    A person nobody is in charge of yet, or whose name cannot be opened any more, is shown by
    the pseudonym: no name is worth holding up a page that begins with danger.
    """
    names = {}
    for person in people:
        try:
            name = display_name(session, visit.home.keys, visit.actor, person, now=visit.home.now())
        except (NotYours, SealBroken):
            name = None
        names[person] = name or person_label(person)
    return names


def vote(
    visit: Visit,
    version: str,
    act: CommitteeAct,
    reason: str,
    waive: bool,
    waive_days: int | None = None,
) -> ModelState:
    """Do one act of the committee on a model."""
    home = visit.home
    with home.transaction() as session:
        if act is CommitteeAct.APPROVE:
            return gate.approve(
                home,
                session,
                visit.actor,
                version=version,
                reason=reason,
                waive=waive,
                waive_days=waive_days,
            )
        return _VOTES[act](
            session,
            visit.actor,
            version=version,
            reason=reason,
            today=home.today(),
            now=home.now(),
        )


def current_wordings(session: Session, home: Home) -> dict[str, str]:
    """Return how each feature group of the protocol is said now; none before an import."""
    mended = wordings.current(session, home.keys.verify)
    return {group: mended.get(group, text) for group, text in _first_wordings(home).items()}


def propose_wording(visit: Visit, group: str, text: str, reason: str) -> Wording:
    """Propose another wording for a feature group of the protocol as imported last."""
    home = visit.home
    with home.transaction() as session:
        return wordings.propose(
            session,
            visit.actor,
            group=group,
            text=text,
            reason=reason,
            first=_first_wordings(home),
            now=home.now(),
        )


def confirm_wording(visit: Visit, version: int) -> Wording:
    """Confirm another member's wording: it is read from now on."""
    with visit.home.transaction() as session:
        return wordings.confirm(session, visit.actor, version=version, now=visit.home.now())


def _first_wordings(home: Home) -> dict[str, str]:
    return {} if home.store.extracted_on is None else first_wordings(home.store.protocol())


def in_current_words(
    session: Session, home: Home, view: SignalView, language: Language = "fr"
) -> SignalView:
    """Tell a signal that was kept earlier in the wordings that two members mended since.

    In French, only mended groups are told again: what nobody signed stays as it was frozen.
    In English, every group is, where the protocol is the one that the model was made under;
    of another, nobody knows whether it means the same facts by the same names, and they stay
    French. Wordings, a table or a protocol that cannot be read are loud where they are mended
    and scored with; they do not take the page of a situation away from its educator.
    """
    if view.signal is None:
        return view
    try:
        mended = wordings.current(session, home.keys.verify)
        if language == "fr" and not mended:
            return view
        protocol = home.store.protocol()
        everything = (
            language != "fr"
            and load_table(home, view.signal.model).hashes["protocol"] == protocol.hash
        )
    except RebondError:
        return view
    features = catalogue(protocol, mended)
    told = [feature for feature in features if everything or feature.group in mended]
    return replace(view, signal=reword(view.signal, told, language))


def model_row(visit: Visit, version: str) -> ModelRow:
    """Return a registered model: the check before any file of that name is opened."""
    with visit.home.transaction() as session:
        return committee.model(session, version, today=visit.home.today())


def audit_of(home: Home, version: str) -> dict[str, Any]:
    """Read what the audit of a model found.

    Raises
    ------
    NoReport
        The model was not audited.
    AuditChanged
        The file is not the one that was recorded.
    """
    report: dict[str, Any] = json.loads(_recorded(home, version, FINDINGS))
    return report


def report_of(home: Home, version: str, name: str) -> bytes:
    """Read one file of a model's audit report: a whole page, or a PDF.

    Parameters
    ----------
    name
        One of :data:`audits.report.writing.PAGES` or :data:`audits.report.writing.PRINTS`.

    Raises
    ------
    NoReport
        The model was not audited.
    AuditChanged
        The file is not the one that was recorded.
    """
    return _recorded(home, version, name)


def _recorded(home: Home, version: str, name: str) -> bytes:
    with home.transaction() as session:
        hashes = committee.audited_hashes(session, version)
    folder = home.report_folder(version)
    path = folder / name
    if hashes is None or not path.is_file():
        raise NoReport(f"{version} has no audit yet: run `rebond audit {version}`.")
    same = (
        file_hash(path) == hashes.findings
        if name == FINDINGS
        else report_hash(folder) == hashes.report
    )
    if not same:
        raise AuditChanged(f"{name} of model {version} was changed since it was recorded.")
    return path.read_bytes()


def outcome_of(home: Home, view: SignalView | None) -> Outcome:
    """Say what a signal's model looks ahead to.

    A table that cannot be read is loud where models are read; it does not take the page of
    a situation away from its educator.
    """
    if view is None or view.signal is None:
        return GENERIC_OUTCOME
    try:
        table = load_table(home, view.signal.model)
    except RebondError:
        return GENERIC_OUTCOME
    months, rest = divmod(table.horizon_days, _DAYS_A_MONTH)
    return Outcome(
        words="une interruption"
        if table.outcome.startswith("interruption")
        else f"l'événement suivi ({table.outcome})",
        horizon=f"{table.horizon_days} jours" if rest or months == 1 else f"{months} mois",
    )
