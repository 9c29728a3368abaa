"""The technical documentation of one model, in the order of annex IV of the AI Act (S27).

Generated from the signed table, its measures, its audit and the protocol; what only people
can write stays open. It claims nothing of what a text asks for, and prints no date at which
a text applies.

References
----------
Regulation (EU) 2024/1689, article 11 and annex IV, points 1 to 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import version

from pydantic import TypeAdapter

from api.audit_context import model_features
from api.families import family_name
from api.in_use import VERDICTS, InUse, ModelInUse
from api.registers.page import (
    CONTENTS,
    PEN,
    bullets,
    facts,
    fr,
    open_bullets,
    paragraph,
    section,
    still,
    table,
    write_page,
)
from api.registers.processing import ONLY_PEOPLE
from api.safeguards import SAFEGUARDS
from audits.report import document as doc
from audits.report.around import around
from audits.report.context import AuditContext
from audits.report.findings import findings
from audits.report.model import whole_model, worth
from audits.report.schema import AuditFile
from features.errors import RebondError
from features.french import count, day
from revue.records import Vote

_ADAPTER = TypeAdapter(AuditFile)

_SECURITY = (6, 7, 8, 9, 16, 20, 22, 25, 26, 29, 31)
_OVERSIGHT = (1, 2, 3, 24, 28, 32, 33, 36)
_MANAGED = (4, 5, 10, 11, 14, 15, 18, 19, 21, 30, 34, 35)


class NoModel(RebondError):
    """There is no model to document."""


def annex_page(use: InUse) -> str:
    """Write the documentation of the model in ``use`` as one page, in French.

    Raises
    ------
    NoModel
        None is there.
    """
    model = use.model
    if model is None:
        raise NoModel("there is no model to document: run `rebond train` first.")
    audit = None if model.audit is None else _ADAPTER.validate_python(model.audit)
    return write_page(
        doc.Document(
            language="fr",
            title=fr(f"Documentation technique : modèle {model.row.version}"),
            subtitle=fr(
                f"Établie le {day(use.now.date())}, dans l'ordre de l'annexe IV du règlement sur "
                f"l'intelligence artificielle. Protocole « {use.protocol.name} »."
            ),
            written_on=use.now.date(),
            first_page=(
                paragraph(
                    "Ce document est produit à partir de la table signée du modèle, de ses "
                    "mesures, de son audit et du protocole. Il ne dit pas qu'un texte est "
                    "respecté : des personnes en jugent. Ce qu'elles seules peuvent écrire reste "
                    "ouvert."
                ),
                section("Ce que seules des personnes peuvent faire", open_bullets(ONLY_PEOPLE)),
            ),
            sections=doc.numbered(
                (
                    _general(use, model),
                    _elements(use, model, audit),
                    _control(model, audit),
                    _metrics(),
                    _managed(),
                    _changes(use, model),
                    _standards(),
                    _declaration(),
                    _afterwards(),
                )
            ),
            contents=CONTENTS,
            of="sur",
        )
    )


def _general(use: InUse, model: ModelInUse) -> doc.Section:
    outcome = use.protocol.outcome
    return section(
        "Description générale du système",
        facts(
            ("Destination", "aider des équipes de travail social à choisir quelles situations "
             "regarder d'abord, pour proposer une aide"),
            ("Ce qui est estimé", f"{outcome.label}, dans les "
             f"{count(outcome.horizon_days, 'jour', 'jours')}"),
            ("Finalité", "prévention, la seule que le programme accepte"),
            ("Version du programme", version("rebond")),
            ("Version du modèle", f"{model.row.version} ({family_name(model.row.family)})"),
            ("Qui s'en sert", "éducatrices et éducateurs, par des pages ou une API"),
            ("Liens avec d'autres systèmes", "lit un dossier d'import ; n'appelle aucun service"),
            ("Matériel", "un serveur ordinaire, sans carte graphique"),
        ),
        still("nom et adresse du fournisseur et du déployeur"),
        still("notice d'utilisation remise au déployeur, et forme de mise à disposition"),
    )  # fmt: skip


def _elements(use: InUse, model: ModelInUse, audit: AuditFile | None) -> doc.Section:
    return section(
        "Éléments du système et processus de développement",
        section("Méthode et étapes", *_method(model)),
        section("Données d'entrée, et leur raison", _inputs(use)),
        *whole_model(PEN, _context(use, model)),
        section("Provenance", _provenance(model)),
        *(() if audit is None else tuple(around(PEN, audit.surroundings, audit.context))),
        section(
            "Contrôle humain",
            paragraph(
                "L'éducatrice ou l'éducateur lit les faits, donne son avis, puis lit le signal, "
                "puis décide. Être en désaccord coûte autant de gestes qu'être d'accord. Des "
                "situations tirées au sort se mêlent aux autres."
            ),
            _safeguards("Garanties du contrôle humain", _OVERSIGHT),
        ),
        section("Sécurité", _safeguards("Garanties de sécurité", _SECURITY)),
        section(
            "Changements prévus d'avance",
            paragraph(
                "Aucun : le modèle n'apprend pas à l'usage. Toute nouvelle table passe par une "
                "nouvelle mesure, un nouvel audit et deux nouvelles approbations."
            ),
        ),
    )


def _method(model: ModelInUse) -> Iterator[doc.Block]:
    table_ = model.table
    yield paragraph(
        "Chaque famille est essayée sur des origines successives du passé, ajustée sur ce qui "
        "précède le test, mesurée sur des dates postérieures, à côté de règles naïves et d'une "
        "boîte noire. Aucune n'est retenue si elle ne fait pas mieux que chaque règle naïve ; "
        "parmi les meilleures, la plus simple l'est."
    )
    yield facts(
        ("Appris jusqu'au", table_.trained_until),
        ("Mesuré à partir du", table_.test_from),
        ("Codes connus à l'apprentissage", str(len(table_.codes))),
    )


def _inputs(use: InUse) -> doc.Table:
    return table(
        "Données d'entrée",
        "Une liste fermée, fixée par le protocole.",
        ("Donnée", "Raison"),
        ((feature.title, feature.reason) for feature in use.features),
    )


def _provenance(model: ModelInUse) -> doc.Facts:
    return doc.Facts(
        (
            (fr("Table du modèle (SHA-256)"), model.table.hash),
            *((_HASHED.get(name, name), value) for name, value in model.table.hashes.items()),
        ),
        code=True,
    )


_HASHED = {
    "protocol": "Protocole (SHA-256)",
    "data": "Données (SHA-256)",
    "code": "Programme (SHA-256)",
}


def _control(model: ModelInUse, audit: AuditFile | None) -> doc.Section:
    return section(
        "Suivi, fonctionnement et contrôle",
        paragraph(
            "Le modèle dit ce qui va ensemble dans les données enregistrées, non ce qui en est la "
            "cause ; il ne sait rien de ce qui n'est pas écrit. Un signal porte sa date, sa fin de "
            "validité, ce qui parle contre lui, et ses limites.",
            "Capacités et limites.",
        ),
        paragraph(
            "Des faits mal saisis, des fautes du service comptées contre la personne, un accord "
            "trop constant avec le signal, un écart entre groupes : chacun a sa mesure et son "
            "arrêt.",
            "Effets non voulus et prévisibles.",
        ),
        *_audited(model, audit),
    )


def _audited(model: ModelInUse, audit: AuditFile | None) -> Iterator[doc.Block]:
    if audit is None:
        yield still(f"audit du modèle {model.row.version}, avant tout usage")
        return
    yield paragraph(f"{VERDICTS[audit.verdict]}.", f"Audit d'équité du {day(audit.written_on)} :")
    yield from worth(PEN, audit.context)
    yield from findings(PEN, audit)


def _metrics() -> doc.Section:
    return section(
        "Pourquoi ces mesures",
        paragraph(
            "La liste n'a qu'un nombre limité de places : ce qui compte est la part repérée sous "
            "cette capacité, et qu'elle soit la même d'un groupe à l'autre. L'aire sous la courbe "
            "et l'étalonnage la complètent ; ils ne décident pas. Les intervalles viennent de "
            "tirages de personnes, et aucun groupe trop petit n'est jugé."
        ),
    )


def _managed() -> doc.Section:
    return section(
        "Système de gestion des risques (article 9)",
        _safeguards("Garanties en place", _MANAGED),
        still("ce que votre organisme a identifié, estimé et accepté, et qui en répond"),
    )


def _changes(use: InUse, model: ModelInUse) -> doc.Section:
    row = model.row
    return section(
        "Changements au cours du cycle de vie",
        facts(
            ("Enregistré", day(row.registered_at.date())),
            ("État devant le comité d'éthique", row.state.label),
            ("Durée d'un signal", count(use.settings.signal_days, "jour", "jours")),
        ),
        *([_votes(row.votes)] if row.votes else []),
        paragraph(
            "Chaque acte sur un modèle est dans le journal. Une formulation se corrige par deux "
            "membres, sans nouveau modèle ; rien d'autre ne change sans lui."
        ),
    )


_ACTS = {"approve": "approuve", "reject": "rejette", "suspend": "suspend", "resume": "reprend"}


def _votes(votes: Iterable[Vote]) -> doc.Table:
    return table(
        "Actes du comité sur le dernier audit",
        "Du plus ancien au plus récent.",
        ("Membre", "Acte", "Jour", "Motif"),
        ((vote.by, _ACTS[vote.act], day(vote.at.date()), vote.reason) for vote in votes),
    )


def _standards() -> doc.Section:
    return section(
        "Normes appliquées",
        paragraph("Le programme n'en revendique aucune. Il part de spécifications publiques :"),
        bullets(
            (
                "RFC 6962 et C2SP tlog-checkpoint pour le journal, RFC 8032 pour les signatures, "
                "RFC 9106 pour les mots de passe, RFC 5869 pour les clés",
                "MEDS pour les faits, JSON Schema pour les fichiers publiés",
                "RGAA 4.1 et WCAG 2.2 pour les pages",
            )
        ),
        still("normes harmonisées et spécifications communes que le fournisseur applique"),
    )


def _declaration() -> doc.Section:
    return section(
        "Déclaration UE du fournisseur",
        still("copie de la déclaration UE (article 47), que seul le fournisseur signe"),
    )


def _afterwards() -> doc.Section:
    return section(
        "Surveillance après la mise en service",
        paragraph(
            "À chaque audit : dérive des données et des issues, part repérée par groupe, façon "
            "dont les équipes décident, tirages au sort. Le comité peut tout arrêter d'un coup."
        ),
        still("plan de surveillance (article 72), rythme des audits, et qui en répond"),
        still("à qui un incident grave est signalé (article 73)"),
    )


def _safeguards(name: str, numbers: Iterable[int]) -> doc.Table:
    return table(
        name,
        "Ce qui les tient.",
        ("Garantie", "Mécanisme"),
        (
            (f"{SAFEGUARDS[n - 1].name} {SAFEGUARDS[n - 1].means}", SAFEGUARDS[n - 1].mechanism)
            for n in numbers
        ),
    )


def _context(use: InUse, model: ModelInUse) -> AuditContext:
    return AuditContext(
        subject=model.row.version,
        kind="model",
        features=model_features(model.table, use.features),
    )
