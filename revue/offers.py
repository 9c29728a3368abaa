"""The closed list of what can be offered: help, and nothing else (S3).

Thématiques are those of the data·inclusion schema (1.0.10). Kept out, because accepting
one would reveal too much: addictions, mental health, conflict or violence at home.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import RebondError


class UnknownOffer(RebondError):
    """Not on the closed list."""


@dataclass(frozen=True)
class Offer:
    """One proposal; the person accepts, prefers something else, or says not now."""

    id: str
    label: str
    theme: str | None


OFFERS = (
    Offer(
        "rendez-vous-au-choix",
        "Proposer un rendez-vous au lieu et à l'heure choisis par la personne",
        None,
    ),
    Offer(
        "rendez-vous-interprete",
        "Réserver un rendez-vous avec interprète",
        None,
    ),
    Offer(
        "rencontre-referents",
        "Rencontrer ensemble l'ancien et le nouveau référent",
        None,
    ),
    Offer(
        "point-droits",
        "Faire le point sur les droits",
        "difficultes-administratives-ou-juridiques--accompagnement-pour-lacces-aux-droits",
    ),
    Offer(
        "demarche-recours",
        "Préparer ensemble une démarche ou un recours",
        "difficultes-administratives-ou-juridiques--accompagnement-aux-demarches-administratives",
    ),
    Offer(
        "demarche-en-ligne",
        "Faire ensemble une démarche en ligne",
        "numerique--acceder-a-des-services-en-ligne",
    ),
    Offer(
        "equipement-numerique",
        "Trouver un téléphone ou un ordinateur",
        "numerique--acquerir-un-equipement",
    ),
    Offer(
        "budget",
        "Regarder le budget ensemble, si la personne le souhaite",
        "difficultes-financieres--ameliorer-sa-gestion-budgetaire",
    ),
    Offer(
        "point-conseil-budget",
        "Rencontrer un Point conseil budget",
        "difficultes-financieres--prevenir-une-degradation-de-la-situation-financiere",
    ),
    Offer(
        "echeancier-bailleur",
        "Négocier un échéancier avec le bailleur, avec l'accord de la personne",
        "logement-hebergement--reduire-les-impayes-de-loyer",
    ),
    Offer(
        "maintien-logement",
        "Mobiliser une aide pour rester dans le logement",
        "logement-hebergement--se-maintenir-dans-le-logement",
    ),
    Offer(
        "hebergement-temporaire",
        "Chercher un hébergement temporaire",
        "logement-hebergement--rechercher-une-solution-dhebergement-temporaire",
    ),
    Offer(
        "epicerie-solidaire",
        "Accéder à une épicerie solidaire",
        "equipement-et-alimentation--alimentation",
    ),
    Offer(
        "trajet",
        "Financer un trajet",
        "mobilite--financer-ma-mobilite",
    ),
    Offer(
        "garde-enfants",
        "Trouver une garde d'enfants pendant les rendez-vous",
        "famille--garde-denfants",
    ),
    Offer(
        "activite-collective",
        "Rejoindre une activité collective de son choix",
        "remobilisation--lien-social",
    ),
    Offer(
        "pair-aidant",
        "Rencontrer un pair-aidant",
        "remobilisation--bien-etre-confiance-en-soi",
    ),
    Offer(
        "cours-francais",
        "Suivre un cours de français",
        "lecture-ecriture-calcul--maitriser-le-francais",
    ),
)
"""The whole list; the database knows the same identifiers."""

_BY_ID = {offer.id: offer for offer in OFFERS}


def offer(id: str) -> Offer:
    """Return the offer with this identifier.

    Raises
    ------
    UnknownOffer
        It is not on the closed list.
    """
    try:
        return _BY_ID[id]
    except KeyError:
        raise UnknownOffer(
            f"{id!r} is not an offer; choose one of the closed list: {', '.join(_BY_ID)}."
        ) from None
