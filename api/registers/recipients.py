"""Who may do what with data, by role, in French: read from the one matrix of permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from features.errors import RebondError
from revue.permissions import ROLE_PERMISSIONS, Permission
from revue.records import Role

MACHINE = "la machine elle-même, sans compte"
"""What the command line without an account is called."""

IN_FRENCH: Mapping[Permission, str] = {
    Permission.READ_QUEUE: "lire sa file de situations",
    Permission.READ_PEOPLE: "voir les personnes qu'il ou elle accompagne",
    Permission.READ_SITUATION: "lire une situation de son équipe",
    Permission.GIVE_VIEW: "donner son avis",
    Permission.READ_SIGNAL: "lire un signal, une fois son avis donné",
    Permission.DECIDE: "décider",
    Permission.OPEN_SITUATION: "ouvrir une situation",
    Permission.MOVE_SITUATION: "reporter, reprendre, demander un second regard",
    Permission.FOLLOW_UP: "noter la suite",
    Permission.CONTEST: "noter une contestation",
    Permission.NOTE_OBSERVATION: "noter une observation",
    Permission.PRACTISE: "suivre le module de prise en main",
    Permission.LIFT_IDENTITY: "lire le nom d'une personne qu'il ou elle accompagne",
    Permission.READ_CONTACTS: "lire ses coordonnées, avec un motif, pour un temps",
    Permission.NOTE_NOTICE: "noter que la personne est informée",
    Permission.FILL_QUEUE: "remplir la file",
    Permission.SYNC_PEOPLE: "mettre à jour les accompagnements",
    Permission.READ_TEAM: "voir les absences de l'équipe",
    Permission.MANAGE_ABSENCES: "noter une absence et qui remplace",
    Permission.ASSIGN: "attribuer une situation, sans en voir le signal",
    Permission.ANSWER_CONTESTATION: "répondre à une contestation",
    Permission.IMPORT_SERVICES: "importer l'annuaire des services",
    Permission.SEND_DIGEST: "envoyer les points de file",
    Permission.STORE_IDENTITIES: "ranger des noms au coffre, sans les relire",
    Permission.READ_MODELS: "lire les modèles et leurs audits",
    Permission.REGISTER_MODEL: "enregistrer un modèle",
    Permission.RECORD_AUDIT: "enregistrer un audit",
    Permission.VOTE: "approuver, rejeter, suspendre un modèle",
    Permission.MEND_WORDING: "corriger une formulation",
    Permission.SIGN_ASSESSMENT: "signer l'analyse d'impact",
    Permission.READ_RIGHTS: "voir les demandes de droits",
    Permission.ANSWER_REQUEST: "répondre à une demande de droits",
    Permission.OPEN_SEALED_COPY: "ouvrir une copie scellée, pour répondre à une contestation",
    Permission.READ_JOURNAL: "lire le journal des actes",
    Permission.READ_SAFEGUARDS: "lire l'état des garanties",
    Permission.CREATE_USER: "créer un compte",
    Permission.READ_USERS: "voir les comptes",
    Permission.MANAGE_USERS: "gérer les comptes",
    Permission.PURGE: "supprimer ce qui est échu",
    Permission.ROTATE_KEYS: "changer les clés",
}


class Undocumented(RebondError):
    """Something of the processing has no words in the register."""


@dataclass(frozen=True)
class Recipient:
    """A role, and what it may do."""

    role: str
    may: tuple[str, ...]


def recipients(
    matrix: Mapping[Role | None, frozenset[Permission]] = ROLE_PERMISSIONS,
    in_french: Mapping[Permission, str] = IN_FRENCH,
) -> tuple[Recipient, ...]:
    """Return every role with what it may do.

    Raises
    ------
    Undocumented
        A permission has no French words.
    """
    return tuple(
        Recipient(
            MACHINE if role is None else role.label,
            tuple(_words(one, in_french) for one in Permission if one in held),
        )
        for role, held in matrix.items()
    )


def _words(permission: Permission, in_french: Mapping[Permission, str]) -> str:
    if permission not in in_french:
        raise Undocumented(
            f"the permission {permission.value!r} has no French words: add them in "
            "api/registers/recipients.py."
        )
    return in_french[permission]
