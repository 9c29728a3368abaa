"""Refusals as people and programs meet them: one table from error type to answer.

The rooms below know nothing of HTTP; here each meaning gets a status, a French sentence
that says what to do, and the form field it is about. Nothing looks at an error's text.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from api.situations import NobodyKnown
from api.web.access import SAFE_METHODS, CsrfMismatch, NotSignedIn
from api.web.forms import MAX_TEXT, InvalidField, MissingChoice, TextTooLong
from api.web.headers import HEADERS
from api.web.rendering import render
from features.errors import RebondError
from features.keys import ForgedSignature
from features.store import EmptyStore, StoreDamaged
from features.words import LONGEST_WORDING, MalformedWording
from modeles.table import UnreadableTable
from revue import committee, offers, permissions, reasons, review, states, wordings

API_PREFIX = "/api/"


class SignInFailed(RebondError):
    """Login and password do not go together, or there is no such login."""


class SignInLocked(RebondError):
    """Too many failures; wait."""


class AuditChanged(RebondError):
    """An audit file is not the one that was recorded."""


class NoReport(RebondError):
    """A model has no audit report in this home."""


@dataclass(frozen=True)
class Fault:
    """What a refusal becomes: a status, a sentence, and the field it is about."""

    status: int
    sentence: str
    field: str | None = None


NOT_FOUND = Fault(404, "Cette page n'existe pas, ou elle n'est pas la vôtre.")
NOT_VALID = Fault(422, "La demande n'a pas la forme attendue.")
UNEXPECTED = Fault(500, "Une erreur est survenue de notre côté. Rien n'a été enregistré.")

FAULTS: dict[type[RebondError], Fault] = {
    NotSignedIn: Fault(401, "Votre session est terminée : connectez-vous."),
    CsrfMismatch: Fault(
        403, "Ce formulaire n'est plus valable. Rechargez la page, puis recommencez."
    ),
    SignInFailed: Fault(
        401, "Identifiant ou mot de passe inexact. Vérifiez-les, puis recommencez.", "login"
    ),
    SignInLocked: Fault(
        429, "Trop d'essais pour cet identifiant. Recommencez dans un quart d'heure.", "login"
    ),
    permissions.Forbidden: Fault(403, "Cette page n'est pas ouverte à votre rôle."),
    permissions.NotYours: NOT_FOUND,
    review.NoSuchSituation: NOT_FOUND,
    committee.NoSuchModel: NOT_FOUND,
    UnreadableTable: NOT_FOUND,
    ForgedSignature: Fault(409, "Ce document a changé depuis sa signature : il n'est plus montré."),
    AuditChanged: Fault(
        409, "Ce document a changé depuis qu'il a été enregistré : il n'est plus montré."
    ),
    EmptyStore: Fault(409, "Aucune donnée n'est importée pour le moment."),
    StoreDamaged: Fault(409, "Les données importées ont changé : elles ne sont plus lues."),
    NobodyKnown: Fault(409, "Aucun accompagnement n'est enregistré pour cette personne."),
    NoReport: Fault(404, "Ce modèle n'a pas encore de rapport d'audit."),
    states.ActOutOfOrder: Fault(
        409,
        "Cette étape ne vient pas maintenant : d'abord votre avis, puis le signal, "
        "puis la décision. Une étape faite ne se refait pas.",
    ),
    review.SignalNotRevealed: Fault(
        409, "Le signal ne se montre qu'après votre avis, quand vous le demandez."
    ),
    review.SignalExpired: Fault(
        409, "La durée de validité de ce signal est passée : il n'est plus montré."
    ),
    review.SignalFrozen: Fault(
        409,
        "Le comité d'éthique a suspendu le modèle : ce signal n'est plus montré. "
        "Les faits et les aides restent à votre disposition.",
    ),
    review.PracticeMissing: Fault(
        403, "Avant votre premier signal, faites d'abord le module de prise en main."
    ),
    review.WhyMissing: Fault(
        422, "Dites en une ligne pourquoi vous répondez « plutôt oui ».", "why"
    ),
    review.NoSignalToDismiss: Fault(
        422,
        "Cette situation n'a pas de signal d'attention : choisissez une décision "
        "qui ne porte pas sur un signal.",
        "kind",
    ),
    review.OfferMissing: Fault(422, "Cochez au moins une aide à proposer.", "offers"),
    review.OfferNotMeant: Fault(
        422,
        "Des aides sont cochées, mais la décision n'est pas « Proposer une aide » : "
        "gardez l'un ou l'autre.",
        "offers",
    ),
    offers.UnknownOffer: Fault(
        422, "Cette aide n'est pas sur la liste : choisissez parmi celles proposées.", "offers"
    ),
    MissingChoice: Fault(422, "Choisissez l'une des réponses."),
    TextTooLong: Fault(422, f"Ce texte est trop long : {MAX_TEXT} caractères au plus."),
    reasons.ReasonMissing: Fault(422, "Écrivez le motif, en une phrase.", "reason"),
    committee.WaiverMissing: Fault(
        422,
        "L'audit n'a pas pu tout évaluer : pour approuver, cochez que vous l'acceptez "
        "en connaissance de cause.",
        "waive",
    ),
    committee.WaiverTooLong: Fault(
        422, "Cette durée d'acceptation n'est pas possible : elle dépasse celle des réglages."
    ),
    committee.AuditMissing: Fault(409, "Ce modèle n'a pas encore été audité."),
    committee.AuditOutdated: Fault(
        409, "L'audit ne porte pas sur ce modèle tel qu'il est : il faut l'auditer de nouveau."
    ),
    committee.PromotionMismatch: Fault(
        409, "Un fichier de ce modèle a changé depuis l'audit : personne ne peut l'approuver."
    ),
    committee.NotInJournal: Fault(
        409, "Le journal ne dit pas la même chose que la base : l'acte n'est pas enregistré."
    ),
    committee.CannotApproveFailedAudit: Fault(
        409, "L'audit a trouvé un écart trop grand : ce modèle ne peut pas être approuvé."
    ),
    committee.AlreadyVoted: Fault(
        409, "Vous avez déjà approuvé ce modèle : l'autre voix vient d'un autre membre."
    ),
    committee.VoteOutOfOrder: Fault(409, "L'état de ce modèle ne permet pas cet acte."),
    MalformedWording: Fault(
        422,
        f"Cette formulation ne convient pas : {LONGEST_WORDING} caractères au plus, sur une "
        "ligne, sans mot à éviter ni numéro long ; une seule barre | entre singulier et pluriel.",
        "text",
    ),
    wordings.UnknownGroup: Fault(422, "Choisissez l'une des lignes du modèle.", "group"),
    wordings.UnchangedWording: Fault(
        422, "C'est déjà la formulation en vigueur : écrivez-en une autre.", "text"
    ),
    wordings.NoSuchWording: NOT_FOUND,
    wordings.AlreadyConfirmed: Fault(409, "Cette formulation est déjà confirmée."),
    wordings.SameMember: Fault(
        409, "Vous avez proposé cette formulation : un autre membre la confirme."
    ),
    wordings.WordingOvertaken: Fault(
        409,
        "Une formulation plus récente est en vigueur : si celle-ci convient mieux, "
        "proposez-la de nouveau.",
    ),
}
"""Every refusal that a door can meet; a type without its own line takes its parent's."""


def fault_of(error: RebondError) -> Fault:
    """Return what an error becomes, by its type and then its parents' types."""
    for kind in type(error).__mro__:
        fault = FAULTS.get(kind)
        if fault is not None:
            return replace(fault, field=error.field) if isinstance(error, InvalidField) else fault
    return UNEXPECTED


def answer(request: Request, fault: Fault, code: str) -> Response:
    """Answer a refusal: a page for people, an object for programs."""
    if request.url.path.startswith(API_PREFIX):
        return JSONResponse({"error": fault.sentence, "code": code}, fault.status)
    titles = {404: "Page introuvable", 403: "Accès refusé", 500: "Erreur"}
    title = titles.get(fault.status, "Demande refusée")
    return render(request, "error.html", fault.status, title=title, sentence=fault.sentence)


def install(app: FastAPI) -> None:
    """Give the application its answers to everything that can be refused."""

    @app.exception_handler(NotSignedIn)
    def sign_in_first(request: Request, error: NotSignedIn) -> Response:
        path = request.url.path
        if path.startswith(API_PREFIX):
            return answer(request, fault_of(error), "NotSignedIn")
        if request.method not in SAFE_METHODS:
            # A form cannot be sent again after signing in; its page can be opened again.
            path = "/".join(path.split("/")[:3]) if path.startswith("/situations/") else "/"
        return RedirectResponse(f"/login?next={quote(path)}", 303)

    @app.exception_handler(RebondError)
    def refused(request: Request, error: RebondError) -> Response:
        fault = fault_of(error)
        # That something exists but is somebody else's is not told either.
        code = "NotFound" if fault.status == NOT_FOUND.status else type(error).__name__
        return answer(request, fault, code)

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, error: RequestValidationError) -> Response:
        # The values themselves are not sent back: one of them may be a password.
        fields = [".".join(str(part) for part in e["loc"][1:]) for e in error.errors()]
        sentence = f"{NOT_VALID.sentence} À revoir : {', '.join(fields)}."
        return answer(request, replace(NOT_VALID, sentence=sentence), "InvalidRequest")

    @app.exception_handler(HTTPException)
    def refused_by_http(request: Request, error: HTTPException) -> Response:
        fault = (
            NOT_FOUND
            if error.status_code == NOT_FOUND.status
            else replace(NOT_VALID, status=error.status_code)
        )
        response = answer(request, fault, "NotFound" if fault is NOT_FOUND else "InvalidRequest")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        # This answer is made outside of every middleware: it brings its own headers.
        response = answer(request, UNEXPECTED, "Unexpected")
        response.headers.update(HEADERS)
        return response
