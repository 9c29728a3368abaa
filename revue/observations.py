"""The closed list of *signaux faibles*: what an educator may note beside the records.

Neutral and dated, never an interpretation; nothing about health, family or opinions. Notes
lie in the review database alone, apart from the events that features are made of.
"""

from __future__ import annotations

from types import MappingProxyType

from features.errors import RebondError

OBSERVATIONS = MappingProxyType(
    {
        "contact-repris": "La personne a repris contact d'elle-même",
        "message-sans-reponse": "Un message est resté sans réponse",
        "rythme-change": "Le rythme des échanges a changé",
        "rdv-deplace": "Un rendez-vous a été déplacé d'un commun accord",
        "demande-nouvelle": "Une demande nouvelle a été exprimée",
        "demarche-en-attente": "Une démarche attend une réponse",
        "courrier-non-ouvert": "Du courrier administratif n'a pas été ouvert",
        "coordonnees-changees": "Les coordonnées ont changé",
        "deplacement-difficile": "Venir jusqu'au lieu de rendez-vous est devenu plus difficile",
        "souhait-espacer": "La personne a dit souhaiter espacer les rencontres",
        "projet-evoque": "La personne a évoqué un projet",
        "appui-present": "La personne a dit pouvoir compter sur quelqu'un",
    }
)
"""Code → what is read; the database knows the same codes."""


class UnknownObservation(RebondError):
    """Not on the closed list."""


def check_observation(code: str) -> str:
    """Return a code of the closed list.

    Raises
    ------
    UnknownObservation
        It is not on it.
    """
    if code not in OBSERVATIONS:
        raise UnknownObservation(
            f"{code!r} is not an observation; choose one of the closed list: "
            f"{', '.join(OBSERVATIONS)}."
        )
    return code
