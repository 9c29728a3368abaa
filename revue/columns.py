"""What each table and column of the review database is, in French, for the register (S27).

One dictionary beside :mod:`revue.schema`; a test refuses a table or column that is not here,
and a line here whose column is gone. ``KEY_FOLDER`` says the same of ``persons.db``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_AT = "moment de l'acte"
_BY = "compte de qui agit"
_SITUATION = "situation dont il s'agit"
_PERSON = "pseudonyme de la personne accompagnée"
_NUMBER = "numéro d'ordre"
_AGAIN = "jour où quelqu'un y revient"
_AS_OF = "date de revue"
_VERSION = "version du modèle"
_PROTOCOL = "empreinte du protocole"


@dataclass(frozen=True)
class TableWords:
    """One table: what it is for, and what each of its columns holds."""

    title: str
    columns: Mapping[str, str]


TABLES: Mapping[str, TableWords] = {
    "users": TableWords(
        "comptes des personnes qui travaillent avec l'outil",
        {
            "id": _NUMBER,
            "login": "identifiant de connexion",
            "role": "rôle, qui fixe ce que le compte peut faire",
            "team": "équipe du compte",
            "password_hash": "empreinte du mot de passe (Argon2id)",
            "practised": "module de prise en main terminé",
            "created_at": "création du compte",
            "closed_at": "fermeture du compte",
            "public_key": "clé publique qui vérifie les signatures de ce membre",
            "sealed_key": "clé de signature, que seul son mot de passe ouvre",
            "sealed_totp": "secret du second facteur, scellé",
            "totp_step": "rang du dernier code utilisé, pour qu'il ne serve qu'une fois",
        },
    ),
    "sign_in_failures": TableWords(
        "connexions non abouties, pour ralentir qui devine un mot de passe",
        {
            "login_hash": "empreinte de l'identifiant saisi",
            "count": "nombre d'essais",
            "last_at": "dernier essai",
            "locked_until": "fin du blocage",
        },
    ),
    "open_sessions": TableWords(
        "sessions ouvertes sur les pages",
        {
            "token_hash": "empreinte du jeton de session",
            "csrf": "jeton qui protège les formulaires",
            "user_id": "compte de la session",
            "expires_at": "fin de la session",
        },
    ),
    "people": TableWords(
        "qui est accompagné par qui, d'après le dernier import",
        {
            "person": _PERSON,
            "team": "équipe qui accompagne",
            "referent": "compte du référent",
            "entered_on": "début de l'accompagnement",
            "left_on": "fin de l'accompagnement",
            "informed_on": "jour de l'information sur ce traitement",
            "synced_at": "moment de l'import qui l'a dit en dernier",
        },
    ),
    "identities": TableWords(
        "coffre des identités, chaque ligne scellée avec la clé de la personne",
        {
            "person": _PERSON,
            "sealed": "nom, coordonnées et identifiants, chiffrés",
            "stored_at": "moment du dépôt",
        },
    ),
    "lifts": TableWords(
        "noms montrés, par jour",
        {
            "user_id": "compte à qui le nom a été montré",
            "on": "jour",
            "person": _PERSON,
        },
    ),
    "grants": TableWords(
        "accès temporaires aux coordonnées, pour une situation ouverte",
        {
            "id": "identifiant de l'accès",
            "situation_id": _SITUATION,
            "user_id": "compte qui reçoit l'accès",
            "reason": "motif donné",
            "at": _AT,
            "until": "fin de l'accès",
        },
    ),
    "notices": TableWords(
        "information des personnes sur ce traitement",
        {
            "person": _PERSON,
            "told_on": "jour de l'information",
            "version": "version du texte d'information",
            "told_by": "compte de qui a informé",
            "form": "forme : oral, courrier, brochure, interprète",
            "at": _AT,
        },
    ),
    "requests": TableWords(
        "demandes d'exercice des droits, avec leur délai",
        {
            "id": "identifiant de la demande",
            "person": _PERSON,
            "asked": "droit exercé",
            "received_on": "jour de réception",
            "due_on": "jour où une réponse est due",
            "noted_by": "compte de qui a noté la demande",
            "at": _AT,
            "outcome": "suite donnée",
            "answer": "réponse faite à la personne",
            "done_by": "compte de qui a répondu",
            "done_at": "moment de la réponse",
        },
    ),
    "sealed_copies": TableWords(
        "copies scellées de signaux échus, pour répondre à une contestation",
        {
            "situation_id": _SITUATION,
            "as_of": _AS_OF,
            "sealed": "faits, empreinte du modèle et part de chaque fait, chiffrés avec la clé "
            "de la personne",
        },
    ),
    "runs": TableWords(
        "passages du modèle, en nombres seulement",
        {
            "id": _NUMBER,
            "version": _VERSION,
            "as_of": _AS_OF,
            "protocol_hash": _PROTOCOL,
            "unserved": "situations sans place, faute de capacité",
            "not_informed": "personnes non informées, laissées de côté",
            "ran_at": "moment du passage",
            "due_on": "jour où le service doit avoir regardé",
            "valid_until": "fin de validité des signaux",
            "per_referent": "places par référent",
        },
    ),
    "situations": TableWords(
        "situations à regarder",
        {
            "id": "identifiant tiré au sort",
            "person": _PERSON,
            "team": "équipe qui accompagne",
            "referent": "compte du référent",
            "kind": "avec signal, tirée au sort, ou ouverte par l'éducatrice ou l'éducateur",
            "state": "où en est la situation",
            "as_of": _AS_OF,
            "due_on": "jour où le service doit avoir regardé",
            "version": _VERSION,
            "valid_until": "fin de validité",
            "probability": "chance qu'avait la situation d'être tirée au sort",
            "opened_at": "ouverture",
            "assigned_to": "compte à qui elle est attribuée",
            "held_by": "compte qui y travaille en ce moment",
            "held_until": "fin de cette réservation",
            "again_on": _AGAIN,
            "facts": "faits datés, figés à la date de revue",
        },
    ),
    "signals": TableWords(
        "signaux expliqués : la seule table qui contient une estimation",
        {
            "situation_id": _SITUATION,
            "as_of": _AS_OF,
            "content": "estimation, raisons et limites",
        },
    ),
    "views": TableWords(
        "avis donnés avant le signal",
        {
            "situation_id": _SITUATION,
            "user_id": "compte de qui donne son avis",
            "opinion": "plutôt oui, plutôt non, ne peut pas dire",
            "why": "raison de l'avis",
            "at": _AT,
        },
    ),
    "reveals": TableWords(
        "lecture d'un signal",
        {
            "situation_id": _SITUATION,
            "user_id": "compte de qui lit",
            "shown": "signal montré, ou absent pendant un arrêt",
            "at": _AT,
        },
    ),
    "decisions": TableWords(
        "décisions, toujours d'une personne et avec un motif",
        {
            "situation_id": _SITUATION,
            "number": _NUMBER,
            "user_id": "compte de qui décide",
            "kind": "nature de la décision",
            "reason": "motif",
            "informed": "personne informée de la démarche",
            "words": "ce que la personne en dit, dans ses mots",
            "again_on": _AGAIN,
            "contact": "moyen de contact choisi",
            "safe_contact": "ce moyen de contact est sûr",
            "at": _AT,
        },
    ),
    "decision_offers": TableWords(
        "aides proposées, prises dans une liste fermée",
        {
            "situation_id": _SITUATION,
            "number": "décision dont il s'agit",
            "offer": "aide proposée",
            "at": _AT,
        },
    ),
    "follow_ups": TableWords(
        "suites d'une décision",
        {
            "situation_id": _SITUATION,
            "number": _NUMBER,
            "user_id": _BY,
            "answer": "réponse de la personne à la proposition",
            "became": "ce qui s'est passé ensuite",
            "again_on": _AGAIN,
            "at": _AT,
        },
    ),
    "second_looks": TableWords(
        "seconds regards demandés",
        {
            "situation_id": _SITUATION,
            "reader_id": "compte du second lecteur",
            "asked_by": "compte de qui demande",
            "asked_at": "moment de la demande",
            "due_on": "jour où le second regard est attendu",
            "ended_at": "fin du second regard",
        },
    ),
    "contestations": TableWords(
        "contestations d'une personne, et leur réponse",
        {
            "situation_id": _SITUATION,
            "number": _NUMBER,
            "user_id": "compte de qui note",
            "words": "ce que la personne conteste, dans ses mots",
            "stood": "où en était la situation",
            "at": _AT,
            "due_on": "jour où une réponse est due",
            "outcome": "suite donnée",
            "answer": "réponse faite à la personne",
            "answered_by": "compte de qui a répondu",
            "answered_at": "moment de la réponse",
        },
    ),
    "absences": TableWords(
        "absences, pour savoir qui remplace ; jamais leur motif",
        {
            "id": _NUMBER,
            "login": "compte absent",
            "team": "équipe",
            "first_on": "premier jour",
            "last_on": "dernier jour",
            "stand_in": "compte qui remplace",
            "user_id": "compte de qui note",
            "at": _AT,
        },
    ),
    "observations": TableWords(
        "observations prises dans une liste fermée, jamais données d'entrée du modèle",
        {
            "id": "identifiant de l'observation",
            "person": _PERSON,
            "code": "observation",
            "observed_on": "jour de l'observation",
            "user_id": "compte de qui note",
            "at": _AT,
            "expires_on": "jour où elle ne se lit plus",
        },
    ),
    "practice_steps": TableWords(
        "exercices de prise en main faits, sans les réponses",
        {
            "user_id": "compte",
            "exercise": "exercice",
            "at": _AT,
        },
    ),
    "practice_counts": TableWords(
        "réponses aux exercices, en nombres, sans auteur",
        {
            "exercise": "exercice",
            "question": "question",
            "choice": "réponse choisie",
            "count": "nombre de fois",
            "since": "premier jour compté",
            "shown": "nombre de fois, tel qu'il est montré : par groupes d'au moins onze personnes",
        },
    ),
    "services": TableWords(
        "annuaire public des services locaux",
        {
            "id": "identifiant du service",
            "theme": "thématique",
            "name": "nom du service",
            "structure": "structure qui le porte",
            "commune": "commune",
            "contact": "coordonnées du service",
            "updated_on": "mise à jour de la fiche",
            "place": "rang alphabétique",
            "imported_at": "moment de l'import",
        },
    ),
    "models": TableWords(
        "modèles présentés au comité",
        {
            "version": _VERSION,
            "family": "famille du modèle",
            "table_hash": "empreinte de la table du modèle",
            "protocol_hash": _PROTOCOL,
            "data_hash": "empreinte des données d'apprentissage",
            "chosen": "retenu par l'apprentissage",
            "state": "état devant le comité",
            "registered_at": "moment de l'enregistrement",
        },
    ),
    "model_audits": TableWords(
        "audits d'équité des modèles",
        {
            "id": _NUMBER,
            "version": _VERSION,
            "verdict": "verdict",
            "audit_hash": "empreinte des résultats",
            "report_hash": "empreinte du rapport",
            "at": _AT,
        },
    ),
    "votes": TableWords(
        "actes des membres du comité d'éthique",
        {
            "id": _NUMBER,
            "version": _VERSION,
            "audit_id": "audit sur lequel porte le vote",
            "user_id": "compte du membre",
            "act": "approuver, rejeter, suspendre, reprendre",
            "reason": "motif",
            "waived": "accepte ce que l'audit n'a pas pu évaluer",
            "at": _AT,
            "waived_until": "fin de cette acceptation",
            "signature": "signature du membre",
        },
    ),
    "promotions": TableWords(
        "mises en service signées d'un modèle",
        {
            "id": _NUMBER,
            "version": _VERSION,
            "content": "empreintes et votes signés",
            "signature": "signature de cette installation",
            "at": _AT,
        },
    ),
    "assessments": TableWords(
        "signatures de l'analyse d'impact",
        {
            "id": _NUMBER,
            "content": "finalité, données, protocole et durées sur lesquels porte la signature",
            "content_hash": "empreinte de ce qui est signé",
            "user_id": "compte de qui signe",
            "signature": "signature de cette installation",
            "at": _AT,
        },
    ),
    "marks": TableWords(
        "où en est cette installation, sans rien sur personne",
        {
            "name": "nom du repère",
            "value": "nombre",
            "at": _AT,
        },
    ),
    "wordings": TableWords(
        "formulations des faits, corrigées par deux membres du comité",
        {
            "version": "version de la formulation",
            "feature_group": "groupe de données d'entrée",
            "text": "formulation",
            "reason": "motif",
            "proposed_by": "compte de qui propose",
            "proposed_at": "moment de la proposition",
            "confirmed_by": "compte de qui confirme",
            "confirmed_at": "moment de la confirmation",
            "signature": "signature de cette installation",
        },
    ),
    "journal_entries": TableWords(
        "journal des actes, sans leur contenu",
        {
            "month": "mois",
            "position": "rang dans le mois",
            "at": _AT,
            "actor": _BY,
            "act": "nature de l'acte",
            "subject": "sur quoi il porte, sans pseudonyme",
            "commitment": "empreinte à clé du contenu",
            "leaf": "empreinte de la ligne",
        },
    ),
    "journal_heads": TableWords(
        "têtes signées du journal, une par mois",
        {
            "month": "mois",
            "size": "nombre de lignes",
            "root": "racine de l'arbre",
            "frontier": "sous-arbres complets",
            "signature": "signature de cette installation",
        },
    ),
}
"""The review database."""

KEY_FOLDER: Mapping[str, TableWords] = {
    "data_keys": TableWords(
        "une clé par personne ; la détruire rend illisible tout ce qu'elle a scellé",
        {
            "key_id": "identifiant tiré au sort",
            "person": _PERSON,
            "wrapped": "clé de la personne, chiffrée",
        },
    ),
    "register": TableWords(
        "registre des oppositions, limitations et effacements, qui ne fait que grandir",
        {
            "number": _NUMBER,
            "standing_id": "empreinte à clé de la personne, pour la reconnaître à l'import",
            "person": "pseudonyme de l'époque où la ligne fut écrite",
            "standing": "ce qui peut être fait des données",
            "at": _AT,
        },
    ),
    "renamed": TableWords(
        "correspondance des pseudonymes pendant une rotation de la clé, vidée à sa fin",
        {
            "former": "pseudonyme d'avant la rotation",
            "following": "pseudonyme d'après",
        },
    ),
}
"""``persons.db`` in the key folder, in no backup."""
