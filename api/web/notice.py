"""The notice: what a person is told of this processing, in plain words, and that they were told.

The text is made of sentences, of what the protocol says of who answers for it, and of the
durations that really hold; its version is the hash of the whole (GDPR 13 and 14; S14, S35).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Request, Response

from api.home import Home
from api.web import acts
from api.web.access import GuardedRoute, Visit, anybody, may
from api.web.answers import DoneAnswer, NoticeAnswer, NoticeAsked
from api.web.languages import AskedLanguage, language_of
from api.web.refusals import ALWAYS, OF_A_SITUATION
from api.web.rendering import render
from api.web.speech import Speech
from features.phrases import Language
from features.protocol import Legal
from revue import notices, schema
from revue.permissions import Permission

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)
programs = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=ALWAYS)

_YEAR, _MONTHS = 365, 12


@dataclass(frozen=True)
class Part:
    """One heading and the sentences below it."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """The text in one language; ``version`` is its SHA-256 (hex)."""

    version: str
    title: str
    parts: tuple[Part, ...]


def notice_of(home: Home, language: Language) -> Notice:
    """Write the notice of a home."""
    speech = Speech(language)
    title = speech.say("Un outil d'attention dans votre accompagnement")
    parts = _parts(home, speech)
    said = json.dumps([title, *(asdict(part) for part in parts)], ensure_ascii=False)
    return Notice(hashlib.sha256(said.encode()).hexdigest(), title, parts)


def _parts(home: Home, speech: Speech) -> tuple[Part, ...]:
    legal = home.store.protocol().legal if home.store.extracted_on else Legal()
    dpo = home.settings.contacts.dpo
    return (
        Part(
            speech.say("À quoi il sert"),
            (
                speech.say("Le service qui vous accompagne utilise un outil."),
                speech.say("Cet outil aide l'équipe à garder le lien avec vous."),
                speech.say(
                    "Il regarde ce que le service a enregistré : les rendez-vous, les échanges, "
                    "les démarches, et leurs dates."
                ),
                speech.say(
                    "Parfois, il propose à la personne qui vous accompagne de regarder votre "
                    "situation. C'est un signal d'attention."
                ),
                speech.say(
                    "Le but est de vous proposer de l'aide. Rien d'autre : l'outil ne contrôle pas."
                ),
            ),
        ),
        Part(
            speech.say("Qui décide"),
            (
                speech.say(
                    "Une personne décide, jamais une machine. Aucune décision automatique n'est "
                    "prise."
                ),
                speech.say(
                    "La personne qui vous accompagne donne d'abord son avis. Elle lit le signal "
                    "ensuite."
                ),
                speech.say("Vos droits et vos aides ne dépendent pas de cet outil."),
            ),
        ),
        Part(
            speech.say("Le hasard"),
            (
                speech.say("Parfois, une situation est regardée au hasard, sans aucun signal."),
                speech.say(
                    "C'est pour vérifier que l'outil fait bien son travail. Pour une même "
                    "personne, cela arrive au plus une fois par an."
                ),
                speech.say("C'est la personne qui vous accompagne déjà qui regarde."),
            ),
        ),
        Part(
            speech.say("Ce que l'outil ne regarde pas"),
            (
                speech.say("Ni votre santé, ni votre religion, ni votre langue, ni la justice."),
                speech.say(
                    "Le service peut vérifier que l'outil traite tout le monde de la même façon, "
                    "par exemple les femmes et les hommes. Aucun signal n'utilise ces informations."
                ),
                speech.say(
                    "Vos données restent dans le service. Seule votre équipe voit votre situation."
                ),
            ),
        ),
        Part(
            speech.say("Combien de temps"),
            (
                speech.say(
                    "Un signal peut être lu pendant %(time)s.",
                    time=speech.count(home.settings.signal_days, "jour", "jours"),
                ),
                speech.say(
                    "Ensuite, une copie scellée est gardée %(time)s. Elle sert à vous répondre si "
                    "vous contestez. Personne d'autre que la déléguée ou le délégué à la "
                    "protection des données ne l'ouvre.",
                    time=_kept(speech, "sealed_copies"),
                ),
                speech.say(
                    "Vos autres données sont gardées %(time)s après le dernier contact.",
                    time=_kept(speech, "people"),
                ),
                speech.say(
                    "La liste de qui a fait quoi dans l'outil est gardée %(time)s.",
                    time=_kept(speech, "journal_entries"),
                ),
            ),
        ),
        Part(
            speech.say("Vos droits"),
            (
                speech.say(
                    "Savoir : vous recevez tout ce que l'outil sait de vous, avec une lettre qui "
                    "l'explique."
                ),
                speech.say("Corriger : un fait est faux ? Le service le corrige."),
                speech.say("Contester : vous dites pourquoi, et tout s'arrête jusqu'à la réponse."),
                speech.say(
                    "Vous opposer : vos données sortent de l'outil. Votre accompagnement continue."
                ),
                speech.say("Limiter : vos données sont mises de côté, personne ne les lit."),
                speech.say("Effacer : vos données sont détruites dans l'outil."),
                speech.say("C'est gratuit. La réponse vient en un mois."),
            ),
        ),
        Part(
            speech.say("À qui parler"),
            tuple(
                line
                for line in (
                    speech.say(
                        "À la personne qui vous accompagne, ou à la déléguée ou au délégué à la "
                        "protection des données."
                    ),
                    dpo and speech.say("Protection des données : %(dpo)s.", dpo=dpo.rstrip(".")),
                    legal.controller
                    and speech.say(
                        "Responsable de l'outil : %(who)s.", who=legal.controller.rstrip(".")
                    ),
                    legal.basis
                    and speech.say("Base légale : %(basis)s.", basis=legal.basis.rstrip(".")),
                    speech.say(
                        "Un comité d'éthique suit l'outil. Il peut l'arrêter à tout moment."
                    ),
                    speech.say(
                        "La réponse ne vous convient pas ? Vous pouvez écrire à la CNIL : cnil.fr, "
                        "3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07."
                    ),
                    speech.say("L'outil est fait pour des adultes."),
                )
                if line
            ),
        ),
    )


def _kept(speech: Speech, table: str) -> str:
    """Say how long the rows of a table are kept, as the table itself declares it."""
    days = schema.Base.metadata.tables[table].info["retention"].days
    years, rest = divmod(days, _YEAR)
    if rest or not years:
        return speech.count(days, "jour", "jours")
    return speech.count(_MONTHS, "mois", "mois") if years == 1 else speech.count(years, "an", "ans")


@router.get("/notice", dependencies=[anybody])
def notice_page(request: Request) -> Response:
    """Show the notice, to be read, printed or handed over; nothing about anybody stands in it."""
    notice = notice_of(request.app.state.home, language_of(request))
    return render(request, "notice.html", notice=notice)


@programs.get("/notice", dependencies=[anybody], tags=["rights"])
def read_notice(request: Request, language: AskedLanguage) -> NoticeAnswer:
    """Read the notice, in English if `Accept-Language` prefers it."""
    return NoticeAnswer.model_validate(notice_of(request.app.state.home, language))


@programs.post("/people/{person}/notices", responses=OF_A_SITUATION, tags=["rights"])
def note_notice(
    person: str,
    asked: NoticeAsked,
    visit: Annotated[Visit, may(Permission.NOTE_NOTICE)],
    language: AskedLanguage,
) -> DoneAnswer:
    """Write down that a person was told, with the text as it stands now."""
    version = notice_of(visit.home, language).version
    acts.on(visit, notices.note_notice, person=person, version=version, **dict(asked))
    return DoneAnswer()
