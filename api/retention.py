"""How long everything is kept, in one table and in French: tables, stores and kinds of files.

The rows of :func:`retention_table` are read from the declarations that purging itself obeys:
:mod:`revue.schema` for the tables of the review database, :data:`FILES` for everything that
lies beside it. The register of processing, the notice and ``/safeguards`` show them.
"""

from __future__ import annotations

from dataclasses import dataclass

from api.settings import Settings
from features.errors import RebondError
from features.french import count
from revue import schema

FOREVER = 36_500
"""Days from which on a duration means: as long as the installation."""


class NotDeclared(RebondError):
    """Something is kept of which nobody said how long, or not in French."""


@dataclass(frozen=True)
class FileKind:
    """One kind of file, or store, beside the review database.

    Attributes
    ----------
    name
        As ``rebond purge`` counts it.
    what, since
        What it holds, and from when its time counts; in French.
    source
        Who says so, as the tables declare it: in English, with its French in one place.
    days
        How long; None: as ``active_days`` of the settings says.
    """

    name: str
    what: str
    days: int | None
    since: str
    source: str


EVENTS, QUARANTINE, QUALITY, MODELS, REPORTS, TRAININGS, SENSITIVE, RESTRICTED, DATA_KEYS = (
    "histories", "quarantine", "quality", "model_files", "audit_reports", "trainings", "sensitive",
    "restricted", "data_keys",
)  # fmt: skip

FILES: tuple[FileKind, ...] = (
    FileKind(
        EVENTS,
        "Historiques : séjours et événements, sous pseudonyme",
        None,
        "le dernier contact",
        schema.ACTIVE,
    ),
    FileKind(
        DATA_KEYS,
        "Clés de chiffrement propres à chaque personne, détruites avec ses données",
        None,
        "le dernier contact",
        schema.ACTIVE,
    ),
    FileKind(
        RESTRICTED,
        "Données scellées à part pendant une limitation, que personne ne lit",
        None,
        "le dernier contact ; sans historique, le jour de la limitation",
        "as the active base: a restriction (GDPR 18) does not extend storage (GDPR 5(1)(e))",
    ),
    FileKind(
        SENSITIVE,
        "Attributs sensibles, scellés, pour l'audit seul",
        None,
        "le dernier audit",
        "30 days after the audit, a year without one (ours)",
    ),
    FileKind(
        QUARANTINE,
        "Lignes écartées des imports : fichier, ligne, colonne et motif, sans aucune valeur",
        90,
        "le jour de l'extraction",
        "time to correct it where it came from, 90 days (ours)",
    ),
    FileKind(
        QUALITY,
        "Rapports de qualité des imports : des effectifs, rien sur une personne",
        730,
        "le jour de l'extraction",
        "time to compare extracts, 2 years (ours)",
    ),
    FileKind(
        MODELS,
        "Tables des modèles et leurs mesures, sans aucune ligne de données",
        730,
        "l'enregistrement du modèle ; jamais celui qui est approuvé",
        schema.MODEL,
    ),
    FileKind(
        REPORTS,
        "Rapports d'audit : des effectifs, rien sur une personne",
        730,
        "l'enregistrement du modèle ; jamais celui qui est approuvé",
        schema.MODEL,
    ),
    FileKind(
        TRAININGS,
        "Traces d'entraînement (MLflow) : réglages et mesures, sans aucune ligne de données",
        730,
        "l'entraînement ; jamais celui du modèle approuvé",
        "2 years at most, or the model's retirement (ours)",
    ),
    FileKind(
        "keys",
        "Clés de l'installation et registre des droits exercés, sous identifiant à clé",
        FOREVER,
        "la création de l'installation",
        "without them no objection and no erasure would hold (ours)",
    ),
)
"""Everything that is kept outside the review database; nothing of it holds a score."""


@dataclass(frozen=True)
class RetentionRow:
    """How long one thing is kept, as people read it; all but ``name`` in French."""

    name: str
    what: str
    how_long: str
    since: str
    source: str


_SOURCES = {
    schema.ACTIVE: (
        "base active, deux ans après le dernier contact : référentiel de la CNIL (recommandation)"
    ),
    "log, 12 months: CNIL logging recommendation 2021 (6 to 12)": (
        "journal, douze mois : recommandation de la CNIL sur la journalisation, 2021 (6 à 12)"
    ),
    "signal, 90 days (ours)": "signal, 90 jours (choix de Rebond)",
    schema.MODEL: "tant qu'un signal du modèle peut être contesté, deux ans (choix de Rebond)",
    "as long as a signal can be contested, 2 years (ours)": (
        "tant qu'un signal peut être contesté, deux ans (choix de Rebond)"
    ),
    "as long as somebody can ask what was assessed, 10 years (ours); nothing about a person": (
        "tant qu'on peut demander ce qui a été analysé, dix ans (choix de Rebond) ; rien sur une "
        "personne"
    ),
    "as long as a sentence may stand in it, 10 years (ours); nothing about a person": (
        "tant qu'une phrase peut s'y trouver, dix ans (choix de Rebond) ; rien sur une personne"
    ),
    "goes with the histories of the person, 10 years at most (ours)": (
        "part avec les historiques de la personne, dix ans au plus (choix de Rebond)"
    ),
    "2 years from the account's end (ours)": "deux ans après la fin du compte (choix de Rebond)",
    "throttling: CNIL passwords 2022": (
        "limiter les essais : recommandation de la CNIL sur les mots de passe, 2022"
    ),
    "a working day (ours)": "une journée de travail (choix de Rebond)",
    "to know who stood in, 3 months (ours)": (
        "savoir qui remplaçait, trois mois (choix de Rebond)"
    ),
    "as long as it means something, 90 days (ours)": (
        "tant que l'observation dit quelque chose, 90 jours (choix de Rebond)"
    ),
    "counts of answers, nothing about anybody (ours)": (
        "décompte de réponses, rien sur personne (choix de Rebond)"
    ),
    "a directory older than a year misleads (ours)": (
        "un annuaire de plus d'un an induit en erreur (choix de Rebond)"
    ),
    "as long as what was learnt holds, 2 years (ours)": (
        "tant que l'apprentissage vaut, deux ans (choix de Rebond)"
    ),
    "as long as the home; a number, nothing about anybody": (
        "un numéro, rien sur personne (choix de Rebond)"
    ),
    "30 days after the audit, a year without one (ours)": (
        "trente jours après l'audit, un an sans audit (choix de Rebond)"
    ),
    "time to correct it where it came from, 90 days (ours)": (
        "le temps de corriger à la source, 90 jours (choix de Rebond)"
    ),
    "time to compare extracts, 2 years (ours)": (
        "le temps de comparer les extractions, deux ans (choix de Rebond)"
    ),
    "2 years at most, or the model's retirement (ours)": (
        "au plus deux ans ou le retrait du modèle (choix de Rebond)"
    ),
    "as the active base: a restriction (GDPR 18) does not extend storage (GDPR 5(1)(e))": (
        "comme la base active : une limitation (RGPD, art. 18) ne prolonge pas la conservation "
        "(art. 5(1)(e))"
    ),
    "without them no objection and no erasure would hold (ours)": (
        "sans elles une opposition ou un effacement ne tiendrait plus (choix de Rebond)"
    ),
}
"""The declared sources of tables and files, in French."""

_TABLES = {
    "users": ("Comptes des professionnels", "la fin du compte"),
    "sign_in_failures": ("Connexions échouées, sous empreinte", "le dernier essai"),
    "open_sessions": ("Connexions ouvertes, sous empreinte", "leur fin"),
    "people": ("Annuaire : qui accompagne qui, sous pseudonyme", "le dernier import"),
    "identities": ("Identités, chiffrées avec la clé de la personne", "le dernier import"),
    "lifts": ("Noms affichés : à qui, quel jour", "le jour de l'affichage"),
    "grants": ("Accès motivés aux coordonnées", "l'accès"),
    "notices": ("Informations données à la personne", "la saisie"),
    "requests": ("Demandes d'exercice des droits", "la réception"),
    "sealed_copies": ("Copies scellées des signaux, pour contestation", "la date de revue"),
    "runs": ("Calculs de la file : des effectifs", "le calcul"),
    "situations": ("Situations à regarder, avec les faits figés", "l'ouverture"),
    "signals": ("Signaux d'attention et leurs raisons", "la date de revue"),
    "views": ("Avis des éducateurs avant le signal", "l'avis"),
    "reveals": ("Signaux regardés", "le regard"),
    "decisions": ("Décisions et leurs motifs", "la décision"),
    "decision_offers": ("Offres proposées", "la décision"),
    "follow_ups": ("Suites données", "la saisie"),
    "second_looks": ("Seconds regards demandés", "la demande"),
    "contestations": ("Contestations et réponses", "la contestation"),
    "absences": ("Absences de professionnels, sans motif", "le dernier jour"),
    "observations": ("Signaux faibles notés, d'une liste fermée", "l'observation"),
    "practice_steps": ("Exercices faits du module de pratique", "l'exercice"),
    "practice_counts": ("Réponses au module de pratique, décomptées", "le début du décompte"),
    "services": ("Services du territoire (données publiques)", "l'import"),
    "models": ("Modèles devant le comité", "l'enregistrement"),
    "model_audits": ("Audits des modèles", "l'audit"),
    "votes": ("Votes du comité", "le vote"),
    "promotions": ("Promotions signées", "la promotion"),
    "assessments": ("Analyses d'impact signées", "la signature"),
    "marks": ("Repères techniques", "leur écriture"),
    "wordings": ("Formulations corrigées", "la proposition"),
    "journal_entries": ("Journal : qui a fait quoi, sans contenu", "la fin du mois"),
    "journal_heads": ("Têtes signées du journal", "la fin du mois"),
}
"""What each table holds, and from when its time counts."""


def retention_table(settings: Settings) -> tuple[RetentionRow, ...]:
    """Return how long everything is kept: the tables as they stand in the schema, then files.

    Raises
    ------
    NotDeclared
        A table says nothing of its retention, or nothing that has French words here.
    """
    tables = (_table_row(table.name, table.info) for table in schema.Base.metadata.tables.values())
    return (*tables, *(_file_row(kind, settings) for kind in FILES))


def declared_sources() -> dict[str, str]:
    """Return who says how long each table and kind of file is kept, in English."""
    tables = schema.Base.metadata.tables.values()
    return {
        **{table.name: table.info["retention"].source for table in tables},
        **{kind.name: kind.source for kind in FILES},
    }


def file_days(name: str, settings: Settings) -> int:
    """Return how many days a kind of file is kept."""
    kind = next(kind for kind in FILES if kind.name == name)
    if name == SENSITIVE:
        return settings.attributes_days
    return settings.active_days if kind.days is None else kind.days


def _table_row(name: str, info: dict[str, object]) -> RetentionRow:
    kept = info.get("retention")
    if not isinstance(kept, schema.Retention):
        raise NotDeclared(f"table {name!r} declares no retention: say how long, from when and why.")
    if name not in _TABLES or kept.source not in _SOURCES:
        raise NotDeclared(
            f"the retention of table {name!r} has no French words: add them in api/retention.py."
        )
    what, since = _TABLES[name]
    return RetentionRow(name, what, _how_long(kept.days), since, _SOURCES[kept.source])


def _file_row(kind: FileKind, settings: Settings) -> RetentionRow:
    days = file_days(kind.name, settings)
    return RetentionRow(kind.name, kind.what, _how_long(days), kind.since, _SOURCES[kind.source])


_YEAR, _TEN_YEARS = 365, 3652


def _how_long(days: int) -> str:
    """Write a duration: whole years as such, anything else in days."""
    if days >= FOREVER:
        return "aussi longtemps que l'installation"
    if days == _TEN_YEARS:
        return "10 ans"
    if days and days % _YEAR == 0:
        return "12 mois" if days == _YEAR else count(days // _YEAR, "an", "ans")
    return count(days, "jour", "jours")
