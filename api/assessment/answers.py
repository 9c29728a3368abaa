"""The answers to the 36 questions of CNIL's method, from what is in use.

Whatever only people can write stays open: :func:`api.in_use.to_complete` marks the place.
Impacts, threats and sources are what this kind of processing has to fear; how grave and how
likely they are is for people to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from api.assessment.markup import h3, p, still, ul
from api.in_use import VERDICTS, InUse
from api.scope import IMPORT_FILES
from features.catalogue import Feature
from features.columns import FILES
from features.french import count, day
from revue.columns import TABLES

Text = Callable[[InUse], str]


def _what(use: InUse) -> str:
    protocol = use.protocol
    return (
        p(
            "Rebond aide des équipes de travail social à ne pas perdre le contact avec les "
            "personnes qu'elles accompagnent. À chaque date de revue, il propose à chaque "
            "éducatrice ou éducateur quelques situations à regarder, avec les faits datés et "
            "leurs raisons. Une personne décide toujours ; l'outil ne décide de rien."
        )
        + ul(
            (
                ("Protocole", protocol.name),
                ("Finalité", "prévention, la seule que le programme accepte"),
                (
                    "Ce qui est estimé",
                    f"{protocol.outcome.label}, dans les "
                    f"{count(protocol.outcome.horizon_days, 'jour', 'jours')} qui suivent",
                ),
                ("Dates de revue", f"tous les {protocol.cadence.every_days} jours"),
                (
                    "Capacité",
                    f"{protocol.capacity.per_review} situations par date de revue, "
                    f"{protocol.capacity.per_referent} au plus par référent, dont "
                    f"{_percent(protocol.capacity.control_share)} tirées au sort parmi les "
                    "situations sans signal",
                ),
                ("Modèle", _model(use)),
            )
        )
        + p(
            "Les enjeux : proposer une aide à temps, sans orienter, sans contrôler, et sans rien "
            "enlever aux personnes sans signal."
        )
    )


def _model(use: InUse) -> str:
    model = use.model
    if model is None:
        return "aucun modèle n'est encore présenté au comité d'éthique"
    verdict = VERDICTS.get(model.row.verdict or "", "audit à venir")
    return (
        f"modèle {model.row.version}, une table lisible de "
        f"{count(len(model.table.features), 'ligne', 'lignes')} ; état devant le comité : "
        f"{model.row.state.label} ; audit d'équité : {verdict}"
    )


def _who(use: InUse) -> str:
    controller = use.protocol.legal.controller
    named = (
        ul((("Responsable de traitement", controller),))
        if controller.strip()
        else still("responsable de traitement, nom et adresse")
    )
    return (
        named
        + still("sous-traitants (hébergement, maintenance), ou leur absence")
        + p(
            "Qui accède à quoi est fixé par une table de permissions unique, que les tests "
            "tiennent. L'éducatrice ou l'éducateur voit les situations de sa propre équipe ; "
            "l'administration technique n'en voit aucune."
        )
    )


def _standards(use: InUse) -> str:
    return (
        p("Textes et recommandations dont les mécanismes de l'outil partent :")
        + ul(
            ("", text)
            for text in (
                "RGPD (règlement 2016/679) et loi Informatique et Libertés",
                "règlement sur l'intelligence artificielle (2024/1689) : l'outil est traité comme "
                "un système à haut risque, que l'annexe III, point 5(a), l'atteigne ou non",
                "CNIL : référentiel sur l'accompagnement social, recommandations sur la "
                "journalisation (2021) et sur les mots de passe (2022)",
                "code des relations entre le public et l'administration, articles L311-3-1 et "
                "R311-3-1-2",
            )
        )
        + still("référentiels et codes de conduite que votre organisme applique")
    )


def _data(use: InUse) -> str:
    parts = [
        h3(f"Fichier {file.name}") + ul((name, FILES[file.name][name]) for name in file.columns)
        for file in IMPORT_FILES
    ]
    return (
        p(
            "Une colonne inconnue arrête l'import, comme un identifiant trouvé dans une valeur. "
            "Les faits sur la santé, le handicap, les addictions, les violences, la justice ou la "
            "religion ne deviennent jamais une donnée d'entrée. Rien n'est fait pour des mineurs."
        )
        + "".join(parts)
        + h3("Données écrites par l'outil")
        + ul(
            (words.title, ", ".join(words.columns.values()))
            for table, words in TABLES.items()
            if table in _ABOUT_PEOPLE
        )
        + still("nombre de personnes concernées, et sources d'où viennent ces données")
    )


_ABOUT_PEOPLE = ("people", "identities", "situations", "signals", "decisions", "contestations")
"""The tables that the answer on data names; the register holds them all."""


def _life(use: InUse) -> str:
    return (
        "<ol>"
        + "".join(
            f"<li>{step}</li>"
            for step in (
                "Le service exporte ses données vers un dossier ; l'import les vérifie, en retire "
                "ce qui n'est pas nécessaire, et remplace les identifiants par des pseudonymes.",
                "Les faits datés deviennent des données d'entrée : nombre, délai, rythme, sur des "
                f"fenêtres de {', '.join(map(str, use.protocol.features.windows_days))} jours.",
                "Le modèle apprend sur le passé et se mesure sur des dates postérieures ; un audit "
                "d'équité le suit ; deux membres du comité d'éthique l'approuvent ou non.",
                "À chaque date de revue, une liste à la mesure de la capacité des équipes entre "
                "dans la file ; ce qui n'y entre pas est oublié aussitôt.",
                "L'éducatrice ou l'éducateur lit les faits, donne son avis, puis lit le signal, "
                "puis décide, avec la personne ; la suite est notée.",
                "Chaque donnée a une durée ; échue, elle ne se lit plus, puis elle est supprimée.",
            )
        )
        + "</ol>"
    )


def _supports(use: InUse) -> str:
    return ul(
        (
            ("Faits", "fichiers Parquet sous pseudonyme, sur le serveur du service"),
            ("File, décisions, journal", "base SQLite, lisible par son seul propriétaire"),
            (
                "Identités",
                "coffre dans cette base, chaque ligne chiffrée avec une clé par personne",
            ),
            ("Attributs d'audit", "un fichier scellé, à part, sous sa propre clé"),
            ("Clés", "un dossier à part, dans aucune sauvegarde"),
            ("Modèles", "tables lisibles et signées ; aucune ligne sur une personne"),
        )
    ) + still("serveurs, réseaux, postes et papier de votre organisme")


def _purposes(use: InUse) -> str:
    return (
        p(
            f"Une seule finalité : la prévention ({use.protocol.outcome.label}). Elle entre dans "
            "le calcul des clés ; un protocole d'une autre finalité ne se charge pas."
        )
        + ul(
            (
                ("", "proposer une aide prise dans une liste fermée, et rien d'autre"),
                ("", "ni contrôle, ni sanction, ni priorité d'accès à un droit"),
                ("", "aucune commande ne lit l'absence de signal"),
            )
        )
        + still("pourquoi cette finalité est légitime et nécessaire dans votre organisme")
    )


def _basis(use: InUse) -> str:
    basis = use.protocol.legal.basis
    if not basis.strip():
        return still("base légale (article 6 du RGPD) et texte qui la fonde")
    return p(basis, "Base légale, fixée dans le protocole.")


def _minimal(use: InUse) -> str:
    return (
        p(
            "Les données d'entrée sont une liste fermée, chacune avec sa raison. Équipe, "
            "référent et foyer n'en sont jamais."
        )
        + ul((_group(features), features[0].reason) for features in _groups(use.features))
        + p("Attributs lus par l'audit d'équité seulement : " + _attributes(use) + ".")
    )


def _groups(features: Iterable[Feature]) -> Iterable[list[Feature]]:
    groups: dict[str, list[Feature]] = {}
    for feature in features:
        groups.setdefault(feature.group, []).append(feature)
    return groups.values()


def _group(features: list[Feature]) -> str:
    return f"{features[0].many} ({count(len(features), 'mesure', 'mesures')})"


def _attributes(use: InUse) -> str:
    return ", ".join(use.protocol.audit.attributes) or "aucun"


def _exact(use: InUse) -> str:
    return p(
        "Chaque import dit ce qui est à corriger à la source ; les lignes douteuses sont mises de "
        "côté avec leur motif. Un signal porte sa date et sa fin de validité : "
        f"{count(use.settings.signal_days, 'jour', 'jours')}. Une donnée rectifiée retire les "
        "signaux qui en venaient."
    ) + still("qui corrige les données à la source, et à quel rythme")


def _kept(use: InUse) -> str:
    return p("Durées en usage, avec leur point de départ et leur source :") + ul(
        (row.what, f"{row.how_long}, à partir de : {row.since}. Source : {row.source}")
        for row in use.retention
    )


def _informed(use: InUse) -> str:
    return p(
        "Personne n'est estimé sans une information notée : texte remis, par qui, quel jour, sous "
        "quelle forme (oral, courrier, brochure, interprète). Chaque page sur une personne dit "
        "qu'elle peut la lire."
    ) + still("texte d'information remis aux personnes, et aux équipes")


def _consent(use: InUse) -> str:
    return p(
        "L'outil ne recueille aucun consentement et n'en déduit aucun. Une opposition est toujours "
        "possible ; elle tient à chaque import."
    ) + still("consentement, seulement s'il est la base légale")


def _access(use: InUse) -> str:
    return p(
        "Sur demande, notée avec son délai d'un mois : un export complet, lisible par une machine, "
        "et une lettre en français qui dit le degré et le mode de contribution, les données et "
        "leurs sources, les paramètres et leur poids, les opérations. La personne peut refaire le "
        "calcul."
    ) + still("à qui la personne s'adresse, et comment son identité est vérifiée")


def _rectified(use: InUse) -> str:
    return p(
        "Une rectification retire les signaux qui ne valent plus. Un effacement supprime tout ce "
        "qui est conservé de la personne et détruit sa clé : les sauvegardes deviennent "
        "illisibles pour elle, et les imports suivants ne la reprennent pas."
    )


def _limited(use: InUse) -> str:
    return p(
        "Une limitation met les données de côté, scellées, jusqu'à ce qu'elle soit levée. Une "
        "opposition retire les historiques et les signaux ; un registre à clé, dans aucune "
        "sauvegarde, la fait tenir à chaque import."
    )


def _processors(use: InUse) -> str:
    return p(
        "L'outil n'appelle aucun service extérieur. Un serveur de courriel choisi par "
        "l'organisme reçoit les points de file, s'il est réglé ; ils ne disent rien de personne."
    ) + still("contrats avec les sous-traitants (article 28 du RGPD)")


def _transfers(use: InUse) -> str:
    return p(
        "Aucun appel ne sort de la machine, aucune mesure d'usage, aucun fichier d'un autre site "
        "dans les pages."
    ) + still("lieu d'hébergement, et absence de transfert hors de l'Union européenne")


TEXT_ANSWERS: Mapping[int, Text] = {
    111: _what, 112: _who, 113: _standards,
    121: _data, 122: _life, 123: _supports,
    211: _purposes, 212: _basis, 213: _minimal, 214: _exact, 215: _kept,
    221: _informed, 222: _consent, 223: _access, 224: _rectified, 225: _limited,
    226: _processors, 227: _transfers,
}  # fmt: skip

_INSIDE = "personne habilitée qui agit par erreur, par curiosité ou sous pression"
_OUTSIDE = "personne extérieure qui attaque le serveur ou trompe un membre de l'équipe"
_THINGS = "panne, sinistre ou défaut du programme"

LIST_ANSWERS: Mapping[int, tuple[str, ...]] = {
    321: (
        "atteinte à l'intimité et au secret professionnel",
        "traitement défavorable par un tiers qui apprendrait l'accompagnement",
        "perte de confiance et éloignement du service",
    ),
    322: (
        "lecture d'une situation d'une autre équipe",
        "rapprochement de pseudonymes avec d'autres fichiers",
        "vol d'une sauvegarde, d'un compte ou d'une feuille imprimée",
        "usage de la file pour contrôler ou sanctionner",
    ),
    323: (_INSIDE, _OUTSIDE),
    331: (
        "signal fondé sur un fait inexact, et proposition mal venue",
        "aide qui ne vient pas au bon moment",
        "écart de traitement entre groupes de personnes",
    ),
    332: (
        "fait mal saisi, ou faute du service comptée contre la personne",
        "modèle, audit ou approbation modifiés ou échangés",
        "journal retouché pour cacher un acte",
    ),
    333: (_INSIDE, _OUTSIDE, _THINGS),
    341: (
        "accompagnement privé de son historique",
        "contestation ou demande de droits restée sans réponse",
    ),
    342: (
        "perte du serveur ou des clés",
        "suppression interrompue, ou plus large que prévu",
    ),
    343: (_INSIDE, _OUTSIDE, _THINGS),
}
"""What this kind of processing has to fear; ``32x`` access, ``33x`` change, ``34x`` loss."""

AGAINST: Mapping[int, tuple[int, ...]] = {
    324: (6, 7, 8, 9, 15, 16, 20, 21, 22, 25, 26, 29, 30),
    334: (1, 2, 3, 4, 5, 10, 11, 13, 17, 19, 22, 28, 31, 32, 35),
    344: (8, 12, 18, 22, 23, 32, 33),
}
"""Which safeguards are in place against each."""

_FEARED = {2: "accès non voulu", 3: "modification non voulue", 4: "disparition"}


def level_text(question: int, use: InUse) -> str:
    """Leave a level open; what is known about it stands before."""
    feared = _FEARED[question // 10 % 10]
    what = "gravité" if question % 10 == 5 else "vraisemblance"  # noqa: PLR2004 - CNIL's numbering
    return p(
        f"Mesures en place au {day(use.now.date())} : voir la liste. Le niveau reste à estimer par "
        "des personnes, au vu de votre organisme."
    ) + still(f"{what} ({feared}), niveau et raison")


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
