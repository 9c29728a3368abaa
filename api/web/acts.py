"""What pages and the JSON API do alike: each act one transaction, each reading one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from api import gate
from api.authority import unlock
from api.gate import file_hash, load_table
from api.home import Home
from api.situations import facts_of
from api.web.access import Visit
from api.web.faults import AuditChanged, NoReport
from api.web.rendering import person_label
from api.web.speech import Speech
from audits.report.writing import FINDINGS, report_hash
from features.catalogue import catalogue, first_wordings
from features.errors import RebondError
from features.phrases import Language
from modeles.scoring import reword
from revue import committee, directory, noting, queue, review, team, wordings
from revue.accompanying import check_accompanies
from revue.journal import record
from revue.permissions import NotYours, account_of
from revue.records import (
    ModelRow,
    ModelState,
    Observation,
    Part,
    PersonRow,
    SignalView,
    SituationPage,
    State,
    TeamPage,
    Wording,
)
from revue.situations import progress, visible
from revue.vault import display_names

_DAYS_A_MONTH = 30

Done = TypeVar("Done")


@dataclass(frozen=True)
class Outcome:
    """What a model looks ahead to, as a sentence takes it."""

    words: str
    horizon: str


def generic_outcome(language: Language) -> Outcome:
    """Say what a model looks ahead to where its table cannot be read."""
    speech = Speech(language)
    return Outcome(speech.say("l'événement suivi"), speech.say("mois qui suivaient"))


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


def on(visit: Visit, act: Callable[..., Done], *subject: object, **said: object) -> Done:
    """Do one act of the review in a transaction of its own, at the home's time and day."""
    home = visit.home
    with home.transaction() as session:
        return act(session, visit.actor, *subject, **said, now=home.now(), today=home.today())


def once(visit: Visit, act: Callable[..., Done], *subject: object, **said: object) -> Done:
    """Do one act that asks for the time alone, in a transaction of its own."""
    with visit.home.transaction() as session:
        return act(session, visit.actor, *subject, **said, now=visit.home.now())


def team_page(visit: Visit) -> TeamPage:
    """Show a team lead their team."""
    with visit.home.transaction() as session:
        return team.team_page(session, visit.actor, today=visit.home.today())


def person_of(
    session: Session, visit: Visit, person: str
) -> tuple[PersonRow, tuple[Observation, ...]]:
    """Return one person the educator accompanies, and what was noted about them."""
    check_accompanies(session, visit.actor, person, today=visit.home.today())
    record(
        session,
        actor=visit.actor,
        act="read_person",
        subject="directory",
        details={"person": person},
        now=visit.home.now(),
    )
    row = next((row for row in people_of(session, visit) if row.person == person), None)
    if row is None:
        raise NotYours(f"{visit.actor.login} does not accompany this person any more.")
    return row, noting.observations_of(session, person, today=visit.home.today())


def destroy_by(visit: Visit, page: SituationPage) -> date:
    """Return the day by which a printed sheet is destroyed: soon after the team's meeting."""
    kept = timedelta(days=visit.home.settings.sheet_days)
    return max(visit.home.today(), page.again_on or visit.home.today()) + kept


def names_on(visit: Visit, situation_id: str) -> tuple[str, ...]:
    """Return the name that a text about a situation had better leave out, if one is known."""
    home = visit.home
    with home.transaction() as session:
        seen = visible(session, visit.actor, situation_id, today=home.today())
        person = seen.row.person
        lifted = _lifted(session, visit, (person,))
    return tuple(lifted.values())


def was_revealed(session: Session, visit: Visit, page: SituationPage) -> bool:
    """Say whether this educator has seen the signal of a situation."""
    if page.part is Part.SECOND_READER:
        return False
    account = account_of(visit.actor)
    return progress(session, page.id, account) is State.SIGNAL_SEEN


def told_in(visit: Visit, view: SignalView, language: Language) -> SignalView:
    """Tell a signal in the words in force now, in one language."""
    with visit.home.transaction() as session:
        return in_current_words(session, visit.home, view, language)


def open_situation(visit: Visit, person: str) -> str:
    """Open a situation on the educator's own initiative; returns its id."""
    home = visit.home
    with home.transaction() as session:
        check_accompanies(session, visit.actor, person, today=home.today())
        already = queue.ids_of(session, person, today=home.today())
        if already:  # what is open needs no facts
            return already[0]
        run = queue.newest_run(session)
        return review.open_own(
            session,
            visit.actor,
            person=person,
            facts=facts_of(home, person, reviewed_on=run.as_of if run else None),
            due_on=home.today() + timedelta(days=home.settings.due_days),
            now=home.now(),
            today=home.today(),
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


def names_of(
    session: Session, visit: Visit, people: Collection[str], language: Language = "fr"
) -> dict[str, str]:
    """Say how each person is shown to this educator: by name where the vault gives it.

    A person whose name cannot be opened, or is not this educator's to open, is shown by the
    pseudonym: no name is worth holding up a page that begins with danger.
    """
    lifted = _lifted(session, visit, people)
    return {person: lifted.get(person) or person_label(person, language) for person in people}


def _lifted(session: Session, visit: Visit, people: Collection[str]) -> dict[str, str]:
    home = visit.home
    return display_names(
        session,
        home.person_keys,
        visit.actor,
        people,
        now=home.now(),
        today=home.today(),
        per_day=home.settings.names_per_day,
    )


def vote(
    visit: Visit,
    version: str,
    act: CommitteeAct,
    reason: str,
    waive: bool,
    waive_days: int | None = None,
    password: str = "",
) -> ModelState:
    """Do one act of the committee on a model; in production the password signs it."""
    home = visit.home
    signer = unlock(home, visit.actor.login, password)
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
                signer=signer,
            )
        return _VOTES[act](
            session,
            visit.actor,
            version=version,
            reason=reason,
            today=home.today(),
            now=home.now(),
            signer=signer,
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


def outcome_of(home: Home, view: SignalView | None, language: Language = "fr") -> Outcome:
    """Say what a signal's model looks ahead to.

    A table that cannot be read is loud where models are read; it does not take the page of
    a situation away from its educator.
    """
    if view is None or view.signal is None:
        return generic_outcome(language)
    try:
        table = load_table(home, view.signal.model)
    except RebondError:
        return generic_outcome(language)
    speech = Speech(language)
    months, rest = divmod(table.horizon_days, _DAYS_A_MONTH)
    return Outcome(
        words=speech.say("une interruption")
        if table.outcome.startswith("interruption")
        else speech.say("l'événement suivi (%(outcome)s)", outcome=table.outcome),
        horizon=speech.count(table.horizon_days, "jour", "jours")
        if rest or months == 1
        else speech.count(months, "mois", "mois"),
    )
