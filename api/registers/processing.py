"""The register of processing (GDPR article 30), generated from what is in use (S27)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from api.in_use import InUse, to_complete
from api.registers.inventory import Holding, inventory
from api.registers.page import (
    CONTENTS,
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
from api.registers.recipients import Recipient, recipients
from api.retention import RetentionRow
from api.safeguards import SAFEGUARDS
from audits.report import document as doc
from features.catalogue import Feature
from features.french import count, day
from features.protocol import Protocol

ONLY_PEOPLE = (
    "information des équipes et de leurs représentants avant l'usage (règlement sur "
    "l'intelligence artificielle, article 26(7) ; code du travail)",
    "analyse d'impact sur les droits fondamentaux (article 27)",
    "enregistrement dans la base de données de l'Union européenne (article 49)",
    "formation des équipes à ce que l'outil peut et ne peut pas dire (article 4)",
)
"""What no program can do, by the articles of the AI Act."""

_CONTROLLER, _BASIS = "responsable de traitement", "base légale (article 6 du RGPD)"
_OPEN: tuple[str, ...] = (
    "nom et coordonnées du responsable de traitement, de son représentant",
    "nom et coordonnées de la déléguée ou du délégué à la protection des données",
    "sous-traitants, et lieu d'hébergement",
    "nombre de personnes concernées",
    "mesures de sécurité de votre organisme : locaux, réseau, postes, papier",
)


@dataclass(frozen=True)
class Measure:
    """One safeguard, as the register names it."""

    name: str
    means: str
    mechanism: str
    source: str


@dataclass(frozen=True)
class Input:
    """One group of model inputs: what it counts, from which codes, and why."""

    name: str
    codes: tuple[str, ...]
    measures: int
    reason: str


@dataclass(frozen=True)
class Register:
    """The whole register, in French."""

    written_on: str
    service: str
    protocol: str
    controller: str
    basis: str
    purpose: str
    people: tuple[str, ...]
    holdings: tuple[Holding, ...]
    inputs: tuple[Input, ...]
    audit_attributes: tuple[str, ...]
    recipients: tuple[Recipient, ...]
    transfers: str
    retention: tuple[RetentionRow, ...]
    measures: tuple[Measure, ...]
    only_people: tuple[str, ...]
    open: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Give plain values, ready for JSON."""
        return asdict(self)


def register_of(use: InUse) -> Register:
    """Gather the register.

    Raises
    ------
    api.registers.recipients.Undocumented
        A column, a table or a permission has no French words.
    """
    protocol = use.protocol
    return Register(
        written_on=use.now.date().isoformat(),
        service=use.settings.service,
        protocol=protocol.name,
        controller=protocol.legal.controller.strip() or to_complete(_CONTROLLER),
        basis=protocol.legal.basis.strip() or to_complete(_BASIS),
        purpose=(
            "prévention : proposer à temps une aide aux personnes accompagnées, quand le lien "
            f"pourrait s'interrompre ({protocol.outcome.label}, dans les "
            f"{count(protocol.outcome.horizon_days, 'jour', 'jours')})"
        ),
        people=(
            "personnes majeures accompagnées par le service, informées de ce traitement",
            "membres des équipes qui ont un compte",
        ),
        holdings=inventory(),
        inputs=tuple(_inputs(use.features)),
        audit_attributes=protocol.audit.attributes,
        recipients=recipients(),
        transfers="aucun : rien ne sort de la machine qui sert l'outil, sauf les points de file "
        "envoyés au serveur de courriel choisi, s'il est réglé ; ils ne disent rien de personne",
        retention=use.retention,
        measures=tuple(
            Measure(one.name, one.means, one.mechanism, one.source) for one in SAFEGUARDS
        ),
        only_people=ONLY_PEOPLE,
        open=(
            *(what for what, said in _legal(protocol) if not said.strip()),
            *_OPEN,
        ),
    )


def _legal(protocol: Protocol) -> tuple[tuple[str, str], ...]:
    return (_CONTROLLER, protocol.legal.controller), (_BASIS, protocol.legal.basis)


def _inputs(features: tuple[Feature, ...]) -> Iterator[Input]:
    for _, group in groupby(features, lambda feature: feature.group):
        first, *rest = group
        yield Input(first.many, first.codes, 1 + len(rest), first.reason)


def register_page(register: Register, use: InUse) -> str:
    """Write the register as one page."""
    return write_page(
        doc.Document(
            language="fr",
            title=fr(f"Registre des activités de traitement : {register.service}"),
            subtitle=fr(
                f"Établi le {day(use.now.date())} à partir des tables, du protocole « "
                f"{register.protocol} » et du catalogue des données d'entrée en usage "
                "(RGPD, article 30)."
            ),
            written_on=use.now.date(),
            first_page=(
                paragraph(
                    "Ce registre est produit par le programme : une colonne que personne n'a "
                    "décrite l'arrête. Ce que seules des personnes peuvent écrire reste ouvert."
                ),
            ),
            sections=doc.numbered(_sections(register)),
            contents=CONTENTS,
            of="sur",
        )
    )


def _sections(register: Register) -> Iterator[doc.Section]:
    yield section(
        "Responsable et contacts",
        facts(("Responsable de traitement", register.controller)),
        open_bullets(_OPEN[:3]),
    )
    yield section(
        "Finalité et base",
        facts(("Finalité", register.purpose), ("Base légale", register.basis)),
        paragraph("Une estimation n'est jamais une décision : une personne décide, avec un motif."),
    )
    yield section("Personnes concernées", bullets(register.people), still(_OPEN[3]))
    yield section("Données conservées", *_holdings(register.holdings))
    yield section(
        "Données d'entrée du modèle",
        table(
            "Données d'entrée",
            "La liste est fermée ; aucune n'existe sans sa raison.",
            ("Donnée", "Mesures", "Codes lus", "Raison"),
            (
                (one.name, str(one.measures), ", ".join(one.codes), one.reason)
                for one in register.inputs
            ),
        ),
        paragraph(
            "Lus par l'audit d'équité seulement, jamais par le modèle : "
            + (", ".join(register.audit_attributes) or "aucun attribut")
            + "."
        ),
    )
    yield section(
        "Destinataires",
        paragraph("Tout est fermé par défaut ; chaque rôle ne peut que ce qui suit."),
        table(
            "Destinataires par rôle",
            "D'après la table des permissions.",
            ("Rôle", "Peut"),
            ((one.role, " ; ".join(one.may) or "rien") for one in register.recipients),
        ),
    )
    yield section("Transferts hors de l'Union européenne", paragraph(register.transfers + "."))
    yield section(
        "Durées de conservation",
        table(
            "Durées",
            "Ce qui est échu ne se lit plus, même avant d'être supprimé.",
            ("Donnée", "Durée", "À partir de", "Source"),
            ((row.what, row.how_long, row.since, row.source) for row in register.retention),
        ),
    )
    yield section(
        "Mesures de sécurité",
        table(
            "Mesures en place",
            "Chacune porte un numéro stable, que les tests portent aussi.",
            ("Mesure", "Ce qui la tient", "Source"),
            ((f"{one.name} {one.means}", one.mechanism, one.source) for one in register.measures),
        ),
        still(_OPEN[4]),
    )
    yield section("Ce que seules des personnes peuvent faire", open_bullets(register.only_people))


def _holdings(holdings: tuple[Holding, ...]) -> Iterator[doc.Section]:
    for place, group in groupby(holdings, lambda holding: holding.place):
        yield section(
            place[:1].upper() + place[1:],
            *(
                table(
                    holding.name,
                    f"{holding.title}. Lien avec une personne accompagnée : {holding.link}.",
                    ("Colonne", "Ce qu'elle contient"),
                    holding.columns,
                )
                for holding in group
            ),
        )
