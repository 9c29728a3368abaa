"""The four invented situations of the practice module, as French people read them.

Nobody in them exists, and their names say so. An exercise has no right answer: its story
goes on in the same way whatever somebody answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.errors import RebondError
from features.facts import Fact
from modeles.explanation import Estimate
from revue.records import DecisionKind, SituationKind, decision_kinds


class NoSuchExercise(RebondError):
    """No exercise has this id."""


@dataclass(frozen=True)
class InventedSignal:
    """What a signal of an exercise says; no model made it."""

    estimate: Estimate
    reasons: tuple[str, ...]
    against: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True)
class Exercise:
    """One invented situation, and what became of it.

    ``known`` is what the educator knows in the story without having entered it; ``signal``
    is None for a situation drawn at random; ``danger`` says that the first act of the story
    lies outside the tool. ``lesson`` is told only once the exercise is done.
    """

    id: str
    person: str
    entered_on: date
    as_of: date
    facts: tuple[Fact, ...]
    missing: tuple[str, ...]
    known: tuple[str, ...]
    signal: InventedSignal | None
    danger: bool
    lesson: str
    outcome: tuple[str, ...]

    @property
    def kind(self) -> SituationKind:
        """Why the invented situation is in the queue."""
        return SituationKind.SIGNAL if self.signal else SituationKind.CONTROL

    @property
    def decisions(self) -> tuple[DecisionKind, ...]:
        """What can be decided on it."""
        return decision_kinds(self.kind)

    @property
    def sentences(self) -> tuple[str, ...]:
        """Everything that people read in it."""
        told = self.signal
        return (
            self.person,
            *(fact.text for fact in self.facts),
            *self.missing,
            *self.known,
            *((*told.reasons, *told.against, *told.limits) if told else ()),
            self.lesson,
            *self.outcome,
        )


_AS_OF = date(2026, 11, 16)
_NO_NOTES = "Les notes et les échanges informels : le modèle ne les lit pas."
_NO_TALK = "Ce que la personne en pense : personne ne le lui a encore demandé."

EXERCISES = (
    Exercise(
        id="exercise-a",
        person="Personne imaginée A",
        entered_on=date(2026, 2, 9),
        as_of=_AS_OF,
        facts=(
            Fact(
                "Dernier échange enregistré le 12 octobre 2026, il y a 35 jours ; "
                "les échanges informels n'y figurent pas.",
                "lien",
            ),
            Fact(
                "2 rendez-vous sur 4 non honorés depuis le 18 août 2026, motif inconnu.",
                "lien",
            ),
            Fact(
                "2 aides financières demandées depuis le 18 août 2026, la dernière le 5 octobre.",
                "besoin",
            ),
            Fact(
                "1 demande de droits sans réponse de l'organisme depuis le "
                "1er septembre 2026 (76 jours).",
                "besoin",
            ),
            Fact("1 objectif atteint depuis le 20 mai 2026.", "appui"),
            Fact("3 activités collectives suivies depuis le 20 mai 2026.", "appui"),
            Fact("1 fois sans créneau proposé par le service depuis le 18 août 2026.", "service"),
        ),
        missing=("Aucune information sur l'emploi.",),
        known=("Vous n'avez pas croisé Personne imaginée A depuis la mi-octobre.",),
        signal=InventedSignal(
            Estimate(18, 12, 26),
            reasons=(
                "Dernier échange enregistré le 12 octobre 2026, il y a 35 jours ; "
                "les échanges informels n'y figurent pas.",
                "1 demande de droits sans réponse de l'organisme depuis le "
                "1er septembre 2026 (76 jours).",
                "2 aides financières demandées depuis le 18 août 2026, la dernière le 5 octobre.",
            ),
            against=("3 activités collectives suivies depuis le 20 mai 2026.",),
            limits=("Aucune information sur l'emploi.", _NO_NOTES, _NO_TALK),
        ),
        danger=False,
        lesson="Un signal utile, et une aide qui reste une proposition",
        outcome=(
            "L'éducatrice de l'histoire a repris contact par le moyen choisi ensemble au début "
            "de l'accompagnement. La demande de droits attendait une pièce que personne n'avait "
            "réclamée. Elle a proposé de faire le point sur les droits ; Personne imaginée A a "
            "préféré un rendez-vous à la médiathèque, et la demande est repartie le 24 novembre.",
            "Le signal n'a rien décidé. Il a fait regarder plus tôt un fait que le service "
            "connaissait déjà : une demande sans réponse.",
            "Ce qui est offert est une proposition : la personne accepte, préfère autre chose, "
            "ou dit « pas maintenant ». Les trois réponses se notent de la même façon.",
        ),
    ),
    Exercise(
        id="exercise-b",
        person="Personne imaginée B",
        entered_on=date(2026, 5, 4),
        as_of=_AS_OF,
        facts=(
            Fact(
                "Dernier échange enregistré le 22 septembre 2026, il y a 55 jours ; "
                "les échanges informels n'y figurent pas.",
                "lien",
            ),
            Fact(
                "2 rendez-vous sur 6 non honorés depuis le 18 août 2026, motif inconnu.",
                "lien",
            ),
            Fact("1 changement d'hébergement enregistré depuis le 20 mai 2026.", "besoin"),
            Fact("1 droit ouvert depuis le 20 mai 2026.", "appui"),
            Fact("1 début de contrat enregistré depuis le 20 mai 2026.", "appui"),
            Fact("3 rendez-vous annulés par le service depuis le 18 août 2026.", "service"),
            Fact(
                "1 changement de référent, à l'initiative du service, depuis le 20 mai 2026.",
                "service",
            ),
        ),
        missing=("Aucune information sur les ressources.",),
        known=(
            "Vous avez croisé Personne imaginée B à l'accueil le 9 novembre. Le contrat commencé "
            "en septembre occupe ses matinées, et les rendez-vous étaient posés le matin.",
            "L'un des deux rendez-vous notés « non honorés » avait en fait été annulé par le "
            "service : la saisie est inexacte.",
        ),
        signal=InventedSignal(
            Estimate(21, 14, 30),
            reasons=(
                "Dernier échange enregistré le 22 septembre 2026, il y a 55 jours ; "
                "les échanges informels n'y figurent pas.",
                "2 rendez-vous sur 6 non honorés depuis le 18 août 2026, motif inconnu.",
                "3 rendez-vous annulés par le service depuis le 18 août 2026.",
            ),
            against=("1 début de contrat enregistré depuis le 20 mai 2026.",),
            limits=("Aucune information sur les ressources.", _NO_NOTES, _NO_TALK),
        ),
        danger=False,
        lesson="Un signal non pertinent, et ce que coûte un désaccord : rien de plus",
        outcome=(
            "L'éducateur de l'histoire a choisi « Signal non pertinent : données inexactes », "
            "avec une phrase. La saisie a été corrigée, et un rendez-vous en fin de journée "
            "proposé. Le silence venait du service : trois annulations, et des horaires qui ne "
            "convenaient plus.",
            "Être en désaccord demande le même geste qu'être d'accord : un choix et une phrase. "
            "Personne ne le lit comme une faute. Le motif sert à corriger les données et à dire "
            "au comité d'éthique où le modèle se trompe.",
            "« Contexte manquant », « autre raison » ou « Déjà en cours » auraient aussi convenu.",
        ),
    ),
    Exercise(
        id="exercise-c",
        person="Personne imaginée C",
        entered_on=date(2026, 1, 12),
        as_of=_AS_OF,
        facts=(
            Fact(
                "Dernier échange enregistré le 10 novembre 2026, il y a 6 jours ; "
                "les échanges informels n'y figurent pas.",
                "lien",
            ),
            Fact("4 rendez-vous honorés sur 4 depuis le 18 août 2026.", "lien"),
            Fact("2 étapes de projet enregistrées depuis le 20 mai 2026.", "appui"),
            Fact("5 activités collectives suivies depuis le 20 mai 2026.", "appui"),
        ),
        missing=("Aucune information récente sur le logement.",),
        known=(
            "Pendant l'activité du 10 novembre, Personne imaginée C vous a dit que son "
            "hébergement chez un proche s'arrête fin décembre. Rien n'en est encore enregistré.",
        ),
        signal=None,
        danger=False,
        lesson="Une situation tirée au sort, où votre avis voit ce que le modèle ne voit pas",
        outcome=(
            "L'éducatrice de l'histoire en a d'abord parlé avec Personne imaginée C. Chercher un "
            "hébergement temporaire lui convenait, mais après avoir appelé sa sœur. Elles ont "
            "repris le sujet ensemble le 1er décembre.",
            "Le modèle ne connaît que ce qui est enregistré. Ne pas avoir de signal ne veut pas "
            "dire que tout va bien : ici, ce que l'éducatrice savait a fait la différence. « Je ne "
            "peux pas dire » est aussi un avis.",
            "Quelques situations sont tirées au sort pour savoir ce que le modèle ne voit pas. "
            "Une personne ne l'est pas plus d'une fois par an, seulement si elle est informée et "
            "ne s'y oppose pas, et seule la personne qui l'accompagne déjà regarde sa situation.",
        ),
    ),
    Exercise(
        id="exercise-d",
        person="Personne imaginée D",
        entered_on=date(2026, 3, 16),
        as_of=_AS_OF,
        facts=(
            Fact(
                "Dernier échange enregistré le 13 novembre 2026, il y a 3 jours ; "
                "les échanges informels n'y figurent pas.",
                "lien",
            ),
            Fact(
                "2 échanges depuis le 19 octobre 2026, contre 5 les quatre semaines précédentes.",
                "lien",
            ),
            Fact("1 aide financière demandée depuis le 18 août 2026.", "besoin"),
            Fact("1 objectif atteint depuis le 20 mai 2026.", "appui"),
            Fact("1 rendez-vous reporté par le service depuis le 18 août 2026.", "service"),
        ),
        missing=("Aucune information sur le logement.",),
        known=(
            "Ce matin, Personne imaginée D vous a laissé un message : elle n'est pas en sécurité "
            "là où elle vit et ne sait pas où dormir ce soir.",
        ),
        signal=InventedSignal(
            Estimate(9, 5, 14),
            reasons=(
                "2 échanges depuis le 19 octobre 2026, contre 5 les quatre semaines précédentes.",
            ),
            against=("1 objectif atteint depuis le 20 mai 2026.",),
            limits=(
                "Aucune information sur le logement.",
                "Un danger : le modèle n'en mesure aucun.",
                _NO_NOTES,
            ),
        ),
        danger=True,
        lesson="Un danger : d'abord le téléphone, hors de cet outil",
        outcome=(
            "L'éducatrice de l'histoire a laissé la page ouverte et a téléphoné : à Personne "
            "imaginée D, au 115, puis à l'astreinte du service. Une mise à l'abri a été trouvée "
            "pour la nuit. Plus tard, elle est revenue choisir « Traité hors de cet outil ».",
            "Quand quelqu'un est en danger, le premier geste est le téléphone, jamais l'outil. "
            "Ni votre avis, ni le signal, ni une décision ne sont demandés avant. Le bouton "
            "ferme la situation sans motif, ne compte ni comme un accord ni comme un désaccord, "
            "et rien ne peut le bloquer.",
            "Une estimation basse ne dit rien d'un danger : le modèle n'en mesure aucun. Et "
            "personne ne surveille la file en continu.",
        ),
    ),
)
"""The module, in its order; about ten minutes together."""

_BY_ID = {exercise.id: exercise for exercise in EXERCISES}


def exercise(id: str) -> Exercise:
    """Return the exercise with this identifier.

    Raises
    ------
    NoSuchExercise
        There is none.
    """
    try:
        return _BY_ID[id]
    except KeyError:
        raise NoSuchExercise(
            f"{id!r} is not an exercise; choose one of {', '.join(_BY_ID)}."
        ) from None
