"""Refusals as people and programs meet them: one table from error type to answer.

The rooms below know nothing of HTTP; here each meaning gets a status, a sentence
that says what to do, and the form field it is about. Nothing looks at an error's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from api import authority, rights, standings
from api.situations import NobodyKnown
from api.web.access import SAFE_METHODS, CsrfMismatch, NotSignedIn
from api.web.forms import (
    MAX_TEXT,
    DayMissing,
    InvalidField,
    MissingChoice,
    PasswordsDiffer,
    PersonMissing,
    SureMissing,
    TextTooLong,
    UnreadableDate,
    UnreadableForm,
)
from api.web.headers import HEADERS
from api.web.languages import language_of, preferred_language
from api.web.rendering import render
from api.web.speech import Speech
from features.errors import RebondError
from features.keys import ForgedSignature, SealBroken
from features.staging import ImportRunning
from features.store import EmptyStore, StoreDamaged
from features.words import LONGEST_WORDING, MalformedWording
from modeles.table import UnreadableTable
from revue import (
    absences,
    accounts,
    assessments,
    committee,
    contestation,
    database,
    evidence,
    exercises,
    grants,
    journal,
    notices,
    noting,
    observations,
    offers,
    permissions,
    practice,
    promotion,
    reasons,
    requests,
    review,
    second_factor,
    second_look,
    signing,
    situations,
    states,
    wordings,
)
from revue.standings import KeyDestroyed

API_PREFIX = "/api/"


class SignInFailed(RebondError):
    """Login and password do not go together, or there is no such login."""


class SignInLocked(RebondError):
    """Too many failures; wait."""


class CodeMissing(RebondError):
    """Login and password go together; the account's second factor is asked for as well."""


class CodeRefused(RebondError):
    """It is not the code of the second factor now, or it was used before."""


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
TOO_LARGE = Fault(
    413,
    "Cette demande est trop longue : rien n'est enregistré. Revenez à la page précédente, "
    "raccourcissez le texte, puis recommencez.",
)
UNEXPECTED = Fault(500, "Une erreur est survenue de notre côté. Rien n'a été enregistré.")

MOST_NAMED, LONGEST_NAME = 10, 60
"""How many fields a refusal names, and how long a name it repeats, in characters."""

TITLES = {404: "Page introuvable", 403: "Accès refusé", 500: "Erreur"}
REFUSED = "Demande refusée"
"""What the page of a refusal is called, by its status, and otherwise."""

FAULTS: dict[type[RebondError], Fault] = {
    NotSignedIn: Fault(401, "Votre session est terminée : connectez-vous."),
    CsrfMismatch: Fault(
        403, "Ce formulaire n'est plus valable. Rechargez la page, puis recommencez."
    ),
    UnreadableForm: Fault(
        415,
        "Ce formulaire n'est pas envoyé en UTF-8 : rien n'est enregistré. Revenez à la page "
        "précédente et envoyez-le avec un navigateur à jour.",
    ),
    SignInFailed: Fault(
        401, "Identifiant ou mot de passe inexact. Vérifiez-les, puis recommencez.", "login"
    ),
    SignInLocked: Fault(
        429, "Trop d'essais pour cet identifiant. Recommencez dans un quart d'heure.", "login"
    ),
    CodeMissing: Fault(401, "Écrivez aussi le code de votre second facteur.", "code"),
    CodeRefused: Fault(
        401,
        "Ce n'est pas le code du moment, ou il a déjà servi. Attendez le suivant et recommencez.",
        "code",
    ),
    authority.PasswordMissing: Fault(422, "Écrivez votre mot de passe.", "password"),
    authority.WrongPassword: Fault(
        403, "Mot de passe ou code inexact. Vérifiez-les, puis recommencez.", "password"
    ),
    authority.PasswordLocked: Fault(
        429, "Trop d'essais pour cet identifiant. Recommencez dans un quart d'heure.", "password"
    ),
    accounts.WeakPassword: Fault(
        422,
        f"Ce mot de passe ne convient pas : {accounts.MIN_PASSWORD} caractères au moins, "
        "sans votre identifiant.",
        "new",
    ),
    PasswordsDiffer: Fault(422, "Les deux nouveaux mots de passe ne sont pas les mêmes."),
    signing.SigningKeyLost: Fault(
        409,
        "Votre mot de passe n'ouvre pas la clé qui signe vos actes : demandez à l'administration "
        "de rouvrir votre compte.",
    ),
    second_factor.SecondFactorOn: Fault(409, "Votre compte a déjà un second facteur."),
    second_factor.NoSecondFactor: Fault(409, "Aucun second facteur n'est commencé ni en place."),
    second_factor.WrongCode: Fault(
        422, "Ce n'est pas le code du moment. Attendez le suivant, puis recommencez.", "code"
    ),
    promotion.VoteUnsigned: Fault(
        409, "La signature d'une voix manque ou n'est pas celle de son membre : rien ne compte."
    ),
    permissions.Forbidden: Fault(403, "Cette page n'est pas ouverte à votre rôle."),
    permissions.NotYours: NOT_FOUND,
    situations.NoSuchSituation: NOT_FOUND,
    situations.HeldByColleague: Fault(
        409,
        "Une ou un collègue travaille sur cette situation en ce moment : revenez quand elle "
        "sera libre, ou parlez-vous.",
    ),
    situations.ViewMissing: Fault(
        409, "Qui décide donne d'abord son propre avis, puis demande le signal."
    ),
    second_look.NoSecondReader: Fault(
        409,
        "Personne d'autre de l'équipe ne peut regarder cette situation pour le moment : "
        "reprenez-la en équipe.",
    ),
    second_look.AlreadyLookedTwice: Fault(409, "Un second regard a déjà été demandé."),
    contestation.WordsMissing: Fault(
        422, "Écrivez ce que dit la personne, avec ses mots.", "contest_words"
    ),
    review.SignalPaused: Fault(
        409, "La personne conteste cette situation : le signal attend la réponse."
    ),
    review.NotStopped: Fault(409, "Rien n'arrête les signaux du modèle : demandez le signal."),
    review.UnsafeContact: Fault(
        422,
        "Avant d'écrire, d'appeler ou de passer, vérifiez avec la personne que ce moyen est sûr, "
        "puis cochez-le ; sinon, dites-le-lui de vive voix.",
        "safe_contact",
    ),
    review.DateMissing: Fault(
        422, "Dites à quelle date l'équipe reprendra la situation.", "again_on"
    ),
    review.DatePast: Fault(422, "Choisissez un jour qui n'est pas encore passé."),
    review.DateTooFar: Fault(422, "C'est trop loin : choisissez un jour dans l'année qui vient."),
    review.PutOffTooFar: Fault(
        422,
        "C'est trop loin : une situation se reporte de deux mois au plus, "
        "et jamais au-delà de sa durée de validité.",
        "until",
    ),
    review.AnswerMissing: Fault(422, "Dites ce que la personne a répondu.", "answer"),
    review.AnswerNotMeant: Fault(
        422, "Rien n'a été proposé : il n'y a pas de réponse à noter.", "answer"
    ),
    review.NothingTold: Fault(422, "Écrivez ce qu'il en est, en une phrase.", "became"),
    observations.UnknownObservation: Fault(
        422, "Choisissez l'une des observations de la liste.", "code"
    ),
    noting.ObservedInFuture: Fault(
        422,
        "Ce jour n'est pas encore venu : choisissez un jour passé, ou aujourd'hui.",
        "observed_on",
    ),
    noting.TooLongAgo: Fault(
        422, "C'est trop ancien : une observation compte pendant trois mois.", "observed_on"
    ),
    PersonMissing: Fault(422, "Écrivez le numéro de la personne.", "person"),
    SureMissing: Fault(422, "Cochez la case : ce qui est effacé ne revient pas.", "sure"),
    standings.NobodyKnown: Fault(
        422,
        "Ce numéro n'est celui d'aucune personne connue ici. Vérifiez-le dans le logiciel.",
        "person",
    ),
    standings.IdentityUnknown: Fault(
        422, "Écrivez le numéro du logiciel du service : il n'est pas gardé ici.", "person"
    ),
    database.ScrubbingHindered: Fault(
        409,
        "C'est fait. Il reste à nettoyer le fichier de la base : rouvrez l'outil quand plus "
        "personne ne le lit.",
    ),
    ImportRunning: Fault(
        409, "Un import ou une demande est en cours : recommencez dans un moment."
    ),
    requests.ReceivedInFuture: Fault(
        422, "Ce jour n'est pas encore venu : indiquez le jour de la demande.", "received_on"
    ),
    requests.NoSuchRequest: NOT_FOUND,
    requests.AlreadyAnswered: Fault(409, "Cette demande a déjà sa réponse."),
    rights.NotDoneThisWay: Fault(409, "Cette demande porte sur un autre droit."),
    rights.NothingRestricted: Fault(409, "Aucune limitation n'est en cours."),
    evidence.NoSealedCopy: NOT_FOUND,
    evidence.NothingToAnswer: Fault(
        409, "Une copie scellée ne s'ouvre que pour répondre à la personne."
    ),
    notices.ToldInFuture: Fault(
        422,
        "Ce jour n'est pas encore venu : choisissez un jour passé, ou aujourd'hui.",
        "told_on",
    ),
    notices.UnknownForm: Fault(422, "Choisissez l'une des réponses.", "form"),
    absences.InvalidAbsence: Fault(
        422, "Le dernier jour vient après le premier, un an plus tard au plus.", "last_on"
    ),
    absences.UnknownEducator: Fault(
        422,
        "Choisissez une éducatrice ou un éducateur de l'équipe qui travaille ce jour-là.",
        "login",
    ),
    absences.StandInAway: Fault(
        422,
        "Cette personne est absente elle-même, ou remplace déjà quelqu'un, l'un de ces jours.",
        "stand_in",
    ),
    absences.NoSuchAbsence: NOT_FOUND,
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
        "Cette situation a été décidée sans son signal, pendant qu'il reposait : il n'est plus "
        "montré.",
    ),
    review.PracticeMissing: Fault(
        403, "Avant votre premier signal, faites d'abord le module de prise en main."
    ),
    exercises.NoSuchExercise: NOT_FOUND,
    practice.OwnViewMissing: Fault(409, "Donnez d'abord votre avis, puis votre décision."),
    practice.StoryGoesOn: Fault(
        409,
        "Sur une vraie page, ce geste ferme la situation tout de suite. Dans cet exercice, "
        "l'histoire continue.",
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
    DayMissing: Fault(422, "Indiquez un jour."),
    UnreadableDate: Fault(
        422, "Ce jour n'est pas dans le calendrier : écrivez-le par exemple 2026-12-05."
    ),
    TextTooLong: Fault(422, f"Ce texte est trop long : {MAX_TEXT} caractères au plus."),
    grants.NoGrant: Fault(
        403, "Demandez d'abord à voir ces coordonnées, avec un motif : l'accès a pris fin."
    ),
    grants.SituationOver: Fault(
        409, "Cette situation est close : ses coordonnées ne s'affichent plus ici."
    ),
    grants.TooManyGrants: Fault(
        409, "Vous avez demandé beaucoup de coordonnées aujourd'hui : revenez demain."
    ),
    SealBroken: Fault(409, "Ces informations ne peuvent plus être lues."),
    KeyDestroyed: Fault(409, "Ces informations ne peuvent plus être lues."),
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
    promotion.PromotionMismatch: Fault(
        409, "Un fichier de ce modèle a changé depuis l'audit : personne ne peut l'approuver."
    ),
    promotion.NotInJournal: Fault(
        409, "Le journal ne dit pas la même chose que la base : l'acte n'est pas enregistré."
    ),
    journal.JournalEmpty: Fault(409, "Le journal n'a encore aucune ligne."),
    journal.JournalUnreadable: Fault(
        409, "La tête du journal a été modifiée : il n'y a pas de point de contrôle à donner."
    ),
    assessments.AssessmentMissing: Fault(
        409, "Aucune analyse d'impact n'est signée pour cette installation."
    ),
    assessments.AssessmentOutdated: Fault(
        409, "Ce qui est en usage a changé depuis la signature de l'analyse d'impact."
    ),
    assessments.AssessmentExpired: Fault(
        409, "La signature de l'analyse d'impact est trop ancienne : il faut la relire et signer."
    ),
    assessments.AssessmentForged: Fault(
        409, "La signature de l'analyse d'impact n'est pas authentique : il faut signer de nouveau."
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
            return _told(fault, error)
    return UNEXPECTED


def _told(fault: Fault, error: RebondError) -> Fault:
    """Return what only the error itself knows of its meaning: the field, or why a signal rests."""
    if isinstance(error, InvalidField):
        return replace(fault, field=error.field)
    if isinstance(error, review.SignalFrozen) and error.stop is not None:
        return replace(fault, sentence=error.stop.label)
    return fault


def answer(
    request: Request,
    fault: Fault,
    code: str,
    to_mend: Sequence[str] = (),
) -> Response:
    """Answer a refusal: a page for people, an object for programs.

    Parameters
    ----------
    request, fault, code
        What is refused, and why.
    to_mend
        Names of fields, for a program.
    """
    to_program = request.url.path.startswith(API_PREFIX)
    # A program says its language with every request; people chose theirs on a page.
    language = (
        preferred_language(request.headers.getlist("accept-language"))
        if to_program
        else language_of(request)
    )
    speech = Speech(language)
    sentence = speech.say(fault.sentence)
    if to_mend:
        sentence += " " + speech.say("À revoir : %(fields)s.", fields=", ".join(to_mend))
    if to_program:
        return JSONResponse({"error": sentence, "code": code}, fault.status)
    title = speech.say(TITLES.get(fault.status, REFUSED))
    return render(
        request,
        "error.html",
        fault.status,
        title=title,
        sentence=sentence,
        typed=_typed(request),
        sign_in=quote(_place_of(request)) if fault.status == _SIGN_IN else "",
    )


_SIGN_IN = 401


def _typed(request: Request) -> list[str]:
    """Return the sentences that a refused form held."""
    typed = getattr(request.state, "typed", ())
    return [text for text in typed if isinstance(text, str) and text.strip()]


def _place_of(request: Request) -> str:
    """Return where to go on after signing in: a form's page, for it cannot be sent again."""
    path = request.url.path
    if request.method in SAFE_METHODS:
        return path
    return "/".join(path.split("/")[:3]) if path.startswith("/situations/") else "/"


_HTTP_FAULTS = {
    404: (NOT_FOUND, "NotFound"),
    # The framework's word for a body that nobody can read; to us it says what it must not.
    400: (NOT_VALID, "InvalidRequest"),
    413: (TOO_LARGE, "TooLarge"),
}


def _fields_of(error: RequestValidationError) -> list[str]:
    """Name the fields to mend, never their values: one of them may be a password.

    An unknown field is named by whoever sent it, so not every name is repeated.
    """
    wrong = [problem for problem in error.errors() if problem["type"] != "json_invalid"]
    names = dict.fromkeys(".".join(map(str, problem["loc"][1:])) for problem in wrong)
    told = [name for name in names if name.isprintable() and 0 < len(name) <= LONGEST_NAME]
    return told[:MOST_NAMED]


def install(app: FastAPI) -> None:
    """Give the application its answers to everything that can be refused."""

    @app.exception_handler(NotSignedIn)
    def sign_in_first(request: Request, error: NotSignedIn) -> Response:
        if request.url.path.startswith(API_PREFIX) or _typed(request):
            return answer(request, fault_of(error), "NotSignedIn")
        return RedirectResponse(f"/login?next={quote(_place_of(request))}", 303)

    @app.exception_handler(RebondError)
    def refused(request: Request, error: RebondError) -> Response:
        fault = fault_of(error)
        # That something exists but is somebody else's is not told either.
        code = "NotFound" if fault.status == NOT_FOUND.status else type(error).__name__
        return answer(request, fault, code)

    @app.exception_handler(RequestValidationError)
    def not_valid(request: Request, error: RequestValidationError) -> Response:
        return answer(request, NOT_VALID, "InvalidRequest", _fields_of(error))

    @app.exception_handler(HTTPException)
    def refused_by_http(request: Request, error: HTTPException) -> Response:
        fault, code = _HTTP_FAULTS.get(
            error.status_code, (replace(NOT_VALID, status=error.status_code), "InvalidRequest")
        )
        response = answer(request, fault, code)
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> Response:
        # This answer is made outside of every middleware: it brings its own headers.
        response = answer(request, UNEXPECTED, "Unexpected")
        response.headers.update(HEADERS)
        return response
