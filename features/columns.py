"""What each column of an import and of the event store is, in French, for the register (S27).

One dictionary beside the contracts; a test refuses a column that is not here, and a line here
whose column is gone.
"""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, Mapping[str, str]]
"""By file or table, then by column."""

FILES: Words = {
    "persons": {
        "person_id": "identifiant de la personne dans le logiciel du service ; remplacé par un "
        "pseudonyme, gardé dans le coffre seulement",
        "entered_on": "jour où l'accompagnement a commencé",
        "left_on": "jour où l'accompagnement s'est terminé",
        "team": "équipe qui accompagne",
        "referent": "compte de l'éducatrice ou de l'éducateur référent",
        "informed_on": "jour où la personne a été informée de ce traitement",
        "household_id": "identifiant du foyer ; remplacé par un pseudonyme, sert seulement à "
        "séparer apprentissage et mesure",
    },
    "events": {
        "person_id": "identifiant de la personne ; remplacé par un pseudonyme",
        "occurred_at": "moment du fait",
        "recorded_at": "moment où le service l'a su",
        "code": "nature du fait, en code, jamais en texte libre",
        "numeric_value": "valeur du fait, quand il en a une",
        "event_id": "identifiant du fait, pour le corriger ou le supprimer ; remplacé par une "
        "empreinte à clé",
    },
    "sensitive": {
        "person_id": "identifiant de la personne ; remplacé par un pseudonyme propre à l'audit",
        "attribute": "nom d'un attribut qui sert à l'audit d'équité et à lui seul",
        "value": "valeur de cet attribut",
    },
    "identities": {
        "person_id": "identifiant de la personne, gardé dans le coffre",
        "display_name": "nom sous lequel la personne est appelée, gardé dans le coffre",
    },
}
"""The files of an import folder; ``identities`` may have further contact columns."""

STORE: Words = {
    "stays": {
        "person": "pseudonyme de la personne",
        "entered_on": "jour où l'accompagnement a commencé",
        "left_on": "jour où l'accompagnement s'est terminé",
        "team": "équipe qui accompagne",
        "referent": "compte de l'éducatrice ou de l'éducateur référent",
        "informed_on": "jour où la personne a été informée de ce traitement",
        "household": "pseudonyme du foyer, ou de la personne elle-même",
    },
    "events": {
        "person": "pseudonyme de la personne",
        "occurred_at": "moment du fait",
        "recorded_at": "moment où le service l'a su",
        "code": "nature du fait",
        "numeric_value": "valeur du fait, quand il en a une",
        "event_id": "empreinte à clé de l'identifiant du fait",
    },
    "sensitive": {
        "person": "pseudonyme propre à l'audit, qui ne rejoint pas celui des faits sans la clé "
        "de l'audit",
        "attribute": "nom de l'attribut",
        "value": "valeur de l'attribut",
    },
}
"""What is stored of an import; ``sensitive`` lies apart, sealed under a key of its own."""
