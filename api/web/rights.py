"""The page of rights: what people ask for and contest, each with the day we owe the answer by.

The data protection officer does what is asked for here, one request a page, and reads no
situation. The committee reads how often rights are used and how often we are late.
"""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import rights
from api.web import acts
from api.web.access import GuardedRoute, Visit, may
from api.web.answers import (
    AccessAnswer,
    ContestationAnswerAsked,
    DoneAnswer,
    OpenedAnswer,
    ReasonAsked,
    RequestAnswerAsked,
    RequestAsked,
    RightsAnswer,
)
from api.web.faults import Fault, fault_of
from api.web.forms import (
    Fields,
    SureMissing,
    TypedAnswer,
    TypedRequest,
    TypedRequestAnswer,
    check_length,
)
from api.web.languages import language_of
from api.web.refusals import ALWAYS, OF_A_SITUATION
from api.web.rendering import person_label, render
from features.errors import RebondError
from revue import contestation, evidence, requests
from revue.permissions import Permission, is_allowed
from revue.records import Contestation, Outcome, RequestCount, RequestOutcome, RequestRow, Right

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)
programs = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=ALWAYS)

Answering = Annotated[Visit, may(Permission.ANSWER_REQUEST)]
Contesting = Annotated[Visit, may(Permission.ANSWER_CONTESTATION)]
Opening = Annotated[Visit, may(Permission.OPEN_SEALED_COPY)]
Reading = Annotated[Visit, may(Permission.READ_RIGHTS)]

CONSEQUENCES = {
    Right.ACCESS: (
        "Un fichier et une lettre sont préparés en mémoire, puis téléchargés sur votre poste.",
        "Remettez-les à la personne seule, puis supprimez-les de votre poste.",
        "La demande reste ouverte jusqu'à ce que vous notiez qu'ils ont été remis.",
    ),
    Right.RECTIFY: (
        "Les signaux ouverts de la personne sont retirés tout de suite.",
        "Corrigez ensuite le fait dans le logiciel du service, puis importez l'extrait.",
        "La demande reste ouverte jusque-là : clôturez-la quand l'extrait est importé.",
    ),
    Right.RESTRICT: (
        "Tout ce qui concerne la personne est scellé à part : personne ne le lit plus.",
        "Aucun signal n'est calculé pour elle. Aucun import ne ramène ses données.",
        "Vous pourrez lever la limitation depuis cette page.",
    ),
    Right.OBJECT: (
        "L'historique et les signaux de la personne sortent de l'outil. Ses situations ouvertes "
        "sont retirées.",
        "Aucun import ne ramène ses données. Son accompagnement ne change pas.",
        "Ce qui a déjà été décidé avec elle reste, jusqu'à la fin de sa durée ou l'effacement.",
    ),
    Right.ERASE: (
        "Tout ce qui concerne la personne est détruit, y compris dans les sauvegardes : sa clé "
        "disparaît.",
        "Rien ne permettra de revenir en arrière.",
        "Il ne reste que la trace de l'acte, sans nom, pour qu'aucune copie ne la fasse revenir.",
    ),
}
"""What doing each right means, before it is done."""

DOING = {
    Right.ACCESS: "Préparer et télécharger",
    Right.RECTIFY: "Retirer les signaux ouverts",
    Right.RESTRICT: "Mettre les données de côté",
    Right.OBJECT: "Sortir la personne de l'outil",
    Right.ERASE: "Effacer définitivement",
}
"""The button of each right."""

_MOMENT = (1980, 1, 1, 0, 0, 0)
"""The same in every file of a download, so that the same content gives the same bytes."""


@dataclass(frozen=True)
class RightsPage:
    """What one person may see of the rights."""

    contestations: tuple[Contestation, ...]
    requests: tuple[RequestRow, ...]
    counts: tuple[RequestCount, ...]
    contested: int
    restricted: tuple[RequestRow, ...] = ()


def rights_page(visit: Visit) -> RightsPage:
    """Return what waits for its answer, overdue first, and counts; without anybody the counts."""
    home, today = visit.home, visit.home.today()
    erased = rights.erased(home)
    with home.transaction() as session:
        counts = tuple(
            replace(one, answered=one.answered + erased) if one.asked is Right.ERASE else one
            for one in requests.request_counts(session, visit.actor, today=today)
        )
        contested = contestation.count_pending(session)
        if not is_allowed(visit.actor, Permission.ANSWER_REQUEST):
            return RightsPage((), (), counts, contested)
        return RightsPage(
            contestation.pending_contestations(session, visit.actor),
            requests.pending_requests(session, visit.actor, today=today),
            counts,
            contested,
            rights.restricted(home, session, visit.actor),
        )


@router.get("/rights")
def show_rights(request: Request, visit: Reading) -> Response:
    """Show what waits for its answer; the committee sees the counts alone."""
    return _show(request, visit)


@router.post("/rights/requests")
def note_request(request: Request, fields: Fields, visit: Answering) -> Response:
    """Note a request; who it is about is not shown again."""
    typed = TypedRequest.read(fields)
    try:
        id = rights.note(visit.home, by=visit.actor, **typed.noted())
    except RebondError as error:
        return _show(request, visit, fault_of(error), noting=typed)
    return RedirectResponse(f"/rights/requests/{id}", 303)


@router.get("/rights/requests/{request_id}")
def request_page(request: Request, request_id: str, visit: Answering) -> Response:
    """Show one request, and what doing it means."""
    return _show_request(request, visit, request_id)


@router.post("/rights/requests/{request_id}/access")
def give_access(request_id: str, visit: Answering) -> Response:
    """Give file and letter as one download, made in memory."""
    made = rights.access(visit.home, request_id, by=visit.actor)
    name = f"acces-{request_id}.zip"
    return Response(
        _zipped(made.files),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.post("/rights/requests/{request_id}/do")
def do_request(request: Request, request_id: str, fields: Fields, visit: Answering) -> Response:
    """Do what is asked for; an erasure with its own box ticked."""
    try:
        _do(visit, request_id, sure=fields.get("sure") == "yes")
    except RebondError as error:
        return _show_request(request, visit, request_id, fault_of(error))
    return RedirectResponse("/rights", 303)


@router.post("/rights/requests/{request_id}/answer")
def answer_request(request: Request, request_id: str, fields: Fields, visit: Answering) -> Response:
    """Close a request: done, or refused with the reason."""
    typed = TypedRequestAnswer.read(fields)
    try:
        acts.once(visit, requests.answer_request, request_id, **typed.given())
    except RebondError as error:
        return _show_request(request, visit, request_id, fault_of(error), typed)
    return RedirectResponse("/rights", 303)


@router.post("/rights/requests/{request_id}/lift")
def lift_restriction(request_id: str, visit: Answering) -> Response:
    """Lift the restriction that a request led to."""
    rights.lift_of(visit.home, request_id, by=visit.actor)
    return RedirectResponse("/rights", 303)


@router.post("/rights/contestations/{situation_id}")
def answer_contestation(
    request: Request, situation_id: str, fields: Fields, visit: Contesting
) -> Response:
    """Answer a contestation."""
    typed = TypedAnswer.read(fields)
    try:
        acts.once(visit, contestation.answer_contestation, situation_id, **typed.given())
    except RebondError as error:
        return _show(request, visit, fault_of(error), typed=typed, typed_for=situation_id)
    return RedirectResponse("/rights", 303)


@router.post("/rights/contestations/{situation_id}/copy")
def open_copy(request: Request, situation_id: str, fields: Fields, visit: Opening) -> Response:
    """Open the sealed copy of a contested signal, with a reason; the journal says so."""
    reason = str(fields.get("reason", ""))
    try:
        kept = _opened(visit, situation_id, reason)
    except RebondError as error:
        return _show(request, visit, fault_of(error), copy_for=situation_id)
    return render(request, "sealed_copy.html", kept=kept, signal=kept.signal)


@programs.get("/rights", tags=["rights"])
def read_rights(visit: Reading) -> RightsAnswer:
    """List what waits for its answer; the committee reads the counts alone."""
    return RightsAnswer.model_validate(rights_page(visit))


@programs.post("/rights/requests", tags=["rights"])
def note_request_json(asked: RequestAsked, visit: Answering) -> OpenedAnswer:
    """Note a request; returns its id."""
    id = rights.note(visit.home, asked.person, asked.asked, asked.received_on, by=visit.actor)
    return OpenedAnswer(id=id)


@programs.post("/rights/requests/{request_id}/access", responses=OF_A_SITUATION, tags=["rights"])
def give_access_json(request_id: str, visit: Answering) -> AccessAnswer:
    """Give everything that is held about the person, and the letter that explains it."""
    made = rights.access(visit.home, request_id, by=visit.actor)
    return AccessAnswer(
        data=json.loads(made.files[rights.DATA]),
        letter=b64encode(made.files[rights.LETTER]).decode(),
    )


@programs.post("/rights/requests/{request_id}/do", responses=OF_A_SITUATION, tags=["rights"])
def do_request_json(request_id: str, visit: Answering) -> DoneAnswer:
    """Do what is asked for."""
    _do(visit, request_id, sure=True)
    return DoneAnswer()


@programs.post("/rights/requests/{request_id}/answer", responses=OF_A_SITUATION, tags=["rights"])
def answer_request_json(request_id: str, asked: RequestAnswerAsked, visit: Answering) -> DoneAnswer:
    """Close a request: done, or refused with the reason."""
    acts.once(visit, requests.answer_request, request_id, **dict(asked))
    return DoneAnswer()


@programs.post("/rights/requests/{request_id}/lift", responses=OF_A_SITUATION, tags=["rights"])
def lift_restriction_json(request_id: str, visit: Answering) -> DoneAnswer:
    """Lift the restriction that a request led to."""
    rights.lift_of(visit.home, request_id, by=visit.actor)
    return DoneAnswer()


@programs.post("/rights/contestations/{situation_id}", responses=OF_A_SITUATION, tags=["rights"])
def answer_contestation_json(
    situation_id: str, asked: ContestationAnswerAsked, visit: Contesting
) -> DoneAnswer:
    """Answer a contestation: the situation is withdrawn, or goes on where it stood."""
    acts.once(visit, contestation.answer_contestation, situation_id, **dict(asked))
    return DoneAnswer()


@programs.post(
    "/rights/contestations/{situation_id}/copy", responses=OF_A_SITUATION, tags=["rights"]
)
def open_copy_json(situation_id: str, asked: ReasonAsked, visit: Opening) -> dict[str, Any]:
    """Open the sealed copy of a contested signal; the journal says so."""
    kept = _opened(visit, situation_id, asked.reason)
    signal: dict[str, Any] = json.loads(kept.signal.to_json())
    return {"situation_id": situation_id, "facts": kept.facts, "signal": signal}


def _opened(visit: Visit, situation_id: str, reason: str) -> evidence.KeptSignal:
    home = visit.home
    check_length("reason", reason)
    with home.transaction() as session:
        return evidence.open_sealed(
            session, home.person_keys, visit.actor, situation_id, reason, now=home.now()
        )


def _do(visit: Visit, request_id: str, *, sure: bool) -> None:
    asked = _row(visit, request_id).asked
    if asked is Right.RECTIFY:
        rights.rectify(visit.home, request_id, by=visit.actor)
        return
    if asked is Right.ERASE and not sure:
        raise SureMissing("sure", "tick the box: what is erased never comes back.")
    rights.apply(visit.home, request_id, by=visit.actor)


def _row(visit: Visit, request_id: str) -> RequestRow:
    with visit.home.transaction() as session:
        row = requests.pending(session, request_id)
        return requests.request_of(row, visit.home.today())


def _zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _show(
    request: Request,
    visit: Visit,
    fault: Fault | None = None,
    *,
    noting: TypedRequest | None = None,
    typed: TypedAnswer | None = None,
    typed_for: str = "",
    copy_for: str = "",
) -> Response:
    page, language = rights_page(visit), language_of(request)
    situations = {one.situation_id for one in page.contestations}
    with visit.home.transaction() as session:
        sealed = evidence.sealed_among(session, sorted(situations))
    gone = typed is not None and typed_for not in situations
    if fault is not None and fault.field is not None and (typed_for or copy_for):
        # Several forms alike stand on the page, one a situation.
        name = "copy" if copy_for else "answer" if fault.field == "reason" else fault.field
        fault = replace(fault, field=None if gone else f"{name}-{copy_for or typed_for}")
    return render(
        request,
        "rights.html",
        fault.status if fault else 200,
        page=page,
        labels=_labels((*page.requests, *page.restricted), language),
        sealed=sealed,
        outcomes=tuple(Outcome),
        rights=tuple(Right),
        doing=DOING,
        noting=noting or TypedRequest(),
        typed=typed or TypedAnswer(),
        typed_for=typed_for,
        unkept=(typed.answer,) if typed and gone and typed.answer else (),
        today=visit.home.today(),
        answers=is_allowed(visit.actor, Permission.ANSWER_REQUEST),
        fault=fault,
    )


def _show_request(
    request: Request,
    visit: Visit,
    request_id: str,
    fault: Fault | None = None,
    typed: TypedRequestAnswer | None = None,
) -> Response:
    row = _row(visit, request_id)
    return render(
        request,
        "request.html",
        fault.status if fault else 200,
        row=row,
        label=_labels((row,), language_of(request))[row.person],
        consequences=CONSEQUENCES[row.asked],
        doing=DOING[row.asked],
        outcomes=tuple(RequestOutcome),
        typed=typed or TypedRequestAnswer(),
        fault=fault,
    )


def _labels(rows: tuple[RequestRow, ...], language: Any) -> dict[str, str]:
    return {row.person: person_label(row.person, language) for row in rows}
