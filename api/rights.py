"""The person's rights, done: access, rectification, restriction, objection, erasure.

One way for the command line and the page. What is asked for is noted first, so that a right
that was begun and not finished stays on the list with its day; then it is done; then the
request is closed. On the command line the three are one, and what was refused in between is
taken up again (:func:`take_up`). Whatever changes what may be done with somebody's data goes
through the register (:mod:`api.standings`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from api import aside
from api.access import access_export, as_json
from api.bundles import Bundle, collect, identity_in
from api.home import Home
from api.letter import letter_of
from api.standings import IdentityUnknown, Known, NobodyKnown, change_standing, find_person
from features.errors import RebondError
from revue import requests, schema
from revue.directory import withdraw_signals
from revue.journal import record
from revue.permissions import Permission, check_allowed
from revue.records import Actor, RequestOutcome, RequestRow, Right
from revue.standings import DataKey, Standing

DATA, LETTER = "data.json", "lettre.pdf"
"""The two files that a person is given."""

STANDING_OF = {
    Right.OBJECT: Standing.OBJECTED,
    Right.RESTRICT: Standing.RESTRICTED,
    Right.ERASE: Standing.ERASED,
}
"""What holds once a right is done that changes what may be done with somebody's data."""

LIFT = "lift_restriction"


class NotDoneThisWay(RebondError):
    """The right is not done by changing what may be done with somebody's data."""


class NothingRestricted(RebondError):
    """A restriction can only be lifted where there is one."""


class NotedAlready(RebondError):
    """The same right was asked for before, on another day, and waits for its answer."""


@dataclass(frozen=True)
class Access:
    """What a person is given, in memory; ``signals`` counts those that are explained."""

    request: str
    files: Mapping[str, bytes]
    signals: int


def note(home: Home, said: str, asked: Right, received_on: date | None, *, by: Actor) -> str:
    """Note what a person asks for; returns the id of the request.

    Parameters
    ----------
    home
        The home.
    said
        The service's own id of the person, or the pseudonym that pages show. It is kept nowhere.
    asked, received_on
        Which right, and when it came in; None: on the day of the home.
    by
        Who notes it.

    Raises
    ------
    Forbidden, revue.requests.ReceivedInFuture, api.standings.NobodyKnown
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        known = find_person(home, session, said)
        return _note(home, session, known.person, asked, received_on, by=by)


def take_up(
    home: Home, said: str, asked: Right, received_on: date | None, *, by: Actor
) -> RequestRow:
    """Return the request that waits for this right of a person; note one where none does.

    What was noted and then refused is finished by doing the same again: one request, one month.

    Parameters
    ----------
    home, said, asked, received_on, by
        As :func:`note` takes them; None also is the day of a request that waits.

    Raises
    ------
    Forbidden, revue.requests.ReceivedInFuture, api.standings.NobodyKnown
    NotedAlready
        One waits that came in on another day.
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        person = find_person(home, session, said).person
        waiting = requests.open_request(session, person, asked)
        if waiting is None:
            id = _note(home, session, person, asked, received_on, by=by)
            waiting = requests.pending(session, id)
        elif received_on not in (None, waiting.received_on):
            raise NotedAlready(
                f"request {waiting.id} for the same right came in on {waiting.received_on} and "
                f"waits until {waiting.due_on}, and this one is said to have come in on "
                f"{received_on}: leave out --received to answer it, or close it on the page of "
                "rights first."
            )
        return requests.request_of(waiting, home.today())


def waits(home: Home, request: str) -> bool:
    """Say whether a request is there and waits for its answer."""
    with home.reading() as session:
        row = session.get(schema.Request, request)
        return row is not None and row.outcome is None


def _note(
    home: Home, session: Session, person: str, asked: Right, received_on: date | None, *, by: Actor
) -> str:
    return requests.note_request(
        session,
        by,
        person=person,
        asked=asked,
        received_on=received_on or home.today(),
        now=home.now(),
        today=home.today(),
    )


def access(home: Home, request: str, *, by: Actor, said: str | None = None) -> Access:
    """Make the file and the letter of a request for access; it waits until it is handed over.

    Parameters
    ----------
    home, request, by
        Which request of this home, and who answers it.
    said
        How the person was named, where that is at hand: it does without the vault.

    Raises
    ------
    Forbidden, revue.requests.NoSuchRequest, revue.requests.AlreadyAnswered
    NotDoneThisWay
        Something else is asked for.
    """
    from api.letter_print import as_pdf  # noqa: PLC0415 - typst is loaded where a letter is printed

    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        known = _known(home, session, request, Right.ACCESS, said)
        bundle, key, standing = _held(home, session, known)
        identity = identity_in(bundle, key)
        export = access_export(home, session, bundle, key, identity, standing)
        record(session, actor=by, act="make_access", subject=request, now=home.now())
    files = {DATA: as_json(export), LETTER: as_pdf(letter_of(export))}
    return Access(request, files, len(export["signals"]))


def rectify(home: Home, request: str, *, by: Actor) -> int:
    """Withdraw the person's open signals at once; the request waits for the corrected extract.

    Returns
    -------
    int
        How many signals were withdrawn.
    """
    with home.transaction() as session:
        known = _known(home, session, request, Right.RECTIFY)
        withdrawn = withdraw_signals(session, known.person, by=by, now=home.now())
        details = {"withdrawn": withdrawn}
        record(session, actor=by, act="rectify", subject=request, details=details, now=home.now())
    return withdrawn


def apply(home: Home, request: str, *, by: Actor, said: str | None = None) -> Standing:
    """Do an objection, a restriction or an erasure, and close its request.

    Parameters
    ----------
    home, request, by
        Which request of this home, and who does it.
    said
        How the person was named, where that is at hand: whose row of the vault is lost can
        still be erased by the service's own id.

    Returns
    -------
    Standing
        What holds of the person from now on.

    Raises
    ------
    Forbidden, revue.requests.NoSuchRequest, revue.requests.AlreadyAnswered
    NotDoneThisWay
        It is an access or a rectification.
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        asked = requests.pending(session, request).asked
        known = _known(home, session, request, asked, said)
    standing = STANDING_OF.get(asked)
    if standing is None:
        raise NotDoneThisWay(f"{asked.value!r} is done by handing over, or by correcting the data.")
    change_standing(home, known, standing, by=by, act=asked)
    with home.transaction() as session:
        if session.get(schema.Request, request) is not None:
            _close(session, request, by=by, home=home)
        else:  # what was asked for took the request with it: the journal alone still says so
            details = {"asked": asked, "outcome": RequestOutcome.DONE, "answer": ""}
            record(
                session,
                actor=by,
                act="answer_request",
                subject=request,
                details=details,
                now=home.now(),
            )
    return standing


def lift(home: Home, said: str, *, by: Actor) -> bool:
    """Lift a restriction: what was sealed aside is put back.

    Returns
    -------
    bool
        Whether anything was put back; nothing lies aside in a home from before the restriction,
        nor once its time is over.

    Raises
    ------
    Forbidden, api.standings.NobodyKnown
    NothingRestricted
        The person's data are not restricted.
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        known = _restricted_person(home, session, said)
    if _standing(home, known) is not Standing.RESTRICTED:
        raise NothingRestricted("the data of this person are not restricted: nothing to lift.")
    lies_aside = aside.read(home, known.person) is not None
    change_standing(home, known, Standing.OPEN, by=by, act=LIFT)
    return lies_aside


def _restricted_person(home: Home, session: Session, said: str) -> Known:
    """Find somebody whose restriction may have outlived everything else that was held of them."""
    try:
        return find_person(home, session, said)
    except (NobodyKnown, IdentityUnknown):
        named = {said.strip(), home.keys.standing_id(said.strip())}
        for line in home.person_keys.since(0):
            if line.standing is Standing.RESTRICTED and named & {line.person, line.standing_id}:
                known = Known(line.person, line.standing_id, "")
                if _standing(home, known) is Standing.RESTRICTED:
                    return known
        raise


def lift_of(home: Home, request: str, *, by: Actor) -> None:
    """Lift the restriction that a request led to.

    Raises
    ------
    Forbidden, revue.requests.NoSuchRequest, NothingRestricted
    """
    check_allowed(by, Permission.ANSWER_REQUEST)
    with home.transaction() as session:
        row = session.get(schema.Request, request)
        if row is None:
            raise requests.NoSuchRequest(f"no request has the id {request!r}.")
        person = row.person
    lift(home, person, by=by)


def restricted(home: Home, session: Session, actor: Actor) -> tuple[RequestRow, ...]:
    """List the requests whose restriction still holds, the newest of each person.

    That it holds the register says, whatever lies aside in this home.
    """
    check_allowed(actor, Permission.ANSWER_REQUEST)
    rows = session.scalars(
        select(schema.Request)
        .where(schema.Request.asked == Right.RESTRICT, schema.Request.outcome.is_not(None))
        .order_by(schema.Request.done_at)
    ).all()
    newest = {row.person: row for row in rows}
    held = home.person_keys.standings()
    named = {line.person: held[line.standing_id] for line in home.person_keys.since(0)}
    return tuple(
        requests.request_of(row, home.today())
        for person, row in newest.items()
        if Standing.RESTRICTED in named.get(person, ())
    )


def close(home: Home, request: str, *, by: Actor) -> None:
    """Close a request that was done."""
    with home.transaction() as session:
        _close(session, request, by=by, home=home)


def erased(home: Home) -> int:
    """Count the erasures: their requests go with everything else, the register keeps the act."""
    return sum(line.standing is Standing.ERASED for line in home.person_keys.since(0))


def _close(session: Session, request: str, *, by: Actor, home: Home) -> None:
    requests.answer_request(
        session, by, request, outcome=RequestOutcome.DONE, answer="", now=home.now()
    )


def _known(
    home: Home, session: Session, request: str, asked: Right, said: str | None = None
) -> Known:
    row = requests.pending(session, request)
    if row.asked is not asked:
        raise NotDoneThisWay(f"this request is for {row.asked.value!r}, not for {asked.value!r}.")
    named = None if said is None else find_person(home, session, said)
    return named if named and named.person == row.person else find_person(home, session, row.person)


def _held(home: Home, session: Session, known: Known) -> tuple[Bundle, DataKey, Standing]:
    """Collect everything about a person, what is sealed aside included."""
    key, standing = home.person_keys.one(known.person), _standing(home, known)
    bundle = collect(home, session, known.person)
    sealed = aside.read(home, known.person)
    if sealed is not None:
        bundle = Bundle(
            known.person,
            sealed.stays,
            sealed.events,
            sealed.sensitive,
            {**sealed.rows, **bundle.rows},
        )
    if bundle.is_empty:
        raise NobodyKnown("this home holds nothing of that person.")
    return bundle, key, standing


def _standing(home: Home, known: Known) -> Standing:
    """Return what holds of somebody; a restriction first, for then everything lies aside."""
    held = home.person_keys.standings().get(known.standing_id, frozenset())
    order = (Standing.RESTRICTED, Standing.OBJECTED)
    return next((standing for standing in order if standing in held), Standing.OPEN)
