"""The event codes: how they match, how they read, and which families never enter.

A code is a path of parts joined by ``//``. Codes of the canonical vocabulary have a French
label and a lane of the timeline; an imported code without one is shown as it came.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

FORBIDDEN_FAMILIES = frozenset(
    {
        "sante",
        "handicap",
        "mdph",
        "addiction",
        "violence",
        "suicide",
        "justice",
        "religion",
        "langue",
        "information_preoccupante",
    }
)
"""First parts that are never a feature: GDPR articles 9 and 10; LIL article 6 (S4, S33)."""

OTHER_LANE = "Autres faits"

LANES = {
    "rdv": "Rendez-vous",
    "contact": "Contacts et tentatives",
    "projet": "Projet et activités",
    "activite": "Projet et activités",
    "partenaire": "Projet et activités",
    "emploi": "Projet et activités",
    "formation": "Projet et activités",
    "numerique": "Droits et ressources",
    "droits": "Droits et ressources",
    "ressources": "Droits et ressources",
    "logement": "Logement",
    "service": "Service",
    "equipe": "Service",
    "absence": "Service",
    "click": "Cours en ligne",
    "soumission": "Travaux rendus",
    "echeance": "Travaux rendus",
}
"""The lane of the timeline for each family."""

LABELS = {
    "rdv//propose": "Rendez-vous proposé",
    "rdv//honore": "Rendez-vous honoré",
    "rdv//non_honore": "Rendez-vous non honoré (motif inconnu)",
    "rdv//excuse": "Absence excusée",
    "rdv//annule_service": "Rendez-vous annulé par le service",
    "rdv//reporte_service": "Rendez-vous reporté par le service",
    "rdv//reporte_personne": "Rendez-vous reporté par la personne",
    "contact//appel_entrant": "Appel de la personne",
    "contact//appel_sortant": "Appel du service",
    "contact//message": "Message",
    "contact//visite": "Visite",
    "contact//passage_spontane": "Passage spontané",
    "contact//sans_reponse": "Appel du service sans réponse",
    "projet//signe": "Projet signé",
    "projet//bilan": "Bilan du projet",
    "projet//objectif_atteint": "Objectif atteint",
    "droits//demande": "Demande de droits",
    "droits//piece_demandee": "Pièce demandée par l'organisme",
    "droits//ouverture": "Droit ouvert",
    "droits//refus": "Droit refusé par l'organisme",
    "droits//suspension_organisme": "Droit suspendu par l'organisme",
    "ressources//aide_demandee": "Aide financière demandée",
    "ressources//aide_accordee": "Aide financière accordée",
    "ressources//impaye_declare": "Impayé déclaré",
    "ressources//echeancier": "Échéancier convenu",
    "logement//changement": "Changement d'hébergement",
    "logement//relance": "Relance pour le logement",
    "logement//attribution": "Logement attribué",
    "emploi//debut_contrat": "Début de contrat",
    "emploi//fin_contrat": "Fin de contrat",
    "formation//entree": "Entrée en formation",
    "numerique//difficulte_declaree": "Difficulté numérique déclarée",
    "numerique//demarche_ensemble": "Démarche en ligne faite ensemble",
    "langue//interprete_present": "Interprète présent",
    "activite//collective": "Activité collective",
    "partenaire//orientation": "Orientation vers un partenaire",
    "service//changement_referent": "Changement de référent, à l'initiative du service",
    "service//aucun_creneau": "Aucun créneau proposé par le service",
    "absence//prevue": "Absence prévue",
    "equipe//synthese": "Synthèse d'équipe",
    "fin//concertee": "Fin d'accompagnement décidée ensemble",
    "fin//relais": "Relais vers un autre service",
    "fin//demenagement": "Déménagement",
    "fin//deces": "Décès",
    "lien//interruption": "Interruption du lien",
    "lien//reprise": "Reprise du lien",
}
"""French labels of the canonical vocabulary."""


def matches(code: str, patterns: Iterable[str]) -> bool:
    """Say whether ``code`` is one of ``patterns`` or stands below one.

    >>> matches("rdv//honore", ["rdv"]), matches("rdv//honoree", ["rdv//honore"])
    (True, False)
    """
    return any(code == p or code.startswith(p + "//") for p in patterns)


def family(code: str) -> str:
    """Return the first part of a code, in lower case, without accents, spaces or hyphens.

    So that no spelling of a forbidden family slips through.

    >>> family("Santé//suivi"), family("information-préoccupante")
    ('sante', 'information_preoccupante')
    """
    plain = unicodedata.normalize("NFKD", code.split("//", 1)[0]).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "_", plain.decode().lower().strip())


def label(code: str) -> str:
    """Return the French label of a code, or the code itself where it has none."""
    return LABELS.get(code, code)


def lane(code: str) -> str:
    """Return the lane of the timeline on which a code is drawn."""
    return LANES.get(family(code), OTHER_LANE)
