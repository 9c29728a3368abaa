"""The 36 safeguards as committee and data protection officer read them, each with its rooms.

Numbers are stable; tests carry them (``test_s07_…``). Which of them withstood their attacks in
the version that runs is in :mod:`api.trials`; nothing here claims conformity with a text.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Safeguard:
    """One promise of the law and what makes breaking it impossible, or loud.

    Parameters
    ----------
    number
        1 to 36.
    source
        The texts, as they are known to us.
    means
        What it means here.
    mechanism
        What holds it.
    attack
        What is tried against it, and must not succeed.
    modules
        Where the mechanism stands.
    """

    number: int
    source: str
    means: str
    mechanism: str
    attack: str
    modules: tuple[str, ...]

    @property
    def name(self) -> str:
        """The number as tests and pages write it: ``S7``."""
        return f"S{self.number}"

    @property
    def sentences(self) -> tuple[str, ...]:
        """What people read of it."""
        return self.source, self.means, self.mechanism, self.attack


SAFEGUARDS = (
    Safeguard(
        1,
        "RGPD, article 22 ; CJUE, SCHUFA, C-634/21",
        "Une estimation n'est jamais une décision.",
        "Les estimations n'existent que dans la file à regarder. La base elle-même exige, pour "
        "chaque décision, une personne et un motif ; chaque audit montre combien de fois l'avis "
        "humain s'écarte du signal.",
        "Chercher une estimation dans toutes les pages, exports, journaux et mesures ; enregistrer "
        "une décision sans personne.",
        ("revue.schema", "revue.review", "audits.human"),
    ),
    Safeguard(
        2,
        "Règlement sur l'IA, article 14",
        "Personne ne valide à la chaîne.",
        "D'abord son propre avis, puis le signal, puis la décision. Des situations tirées au sort "
        "se mêlent aux autres sans se distinguer, et un accord trop constant avec le signal est "
        "signalé.",
        "Demander le signal avant son avis ; un programme qui approuve tout.",
        ("revue.states", "revue.review", "revue.second_look", "audits.human"),
    ),
    Safeguard(
        3,
        "Règlement sur l'IA, article 5(1)(c) ; finalité",
        "Aider, et rien d'autre.",
        "Une liste fermée de propositions d'aide, connue de la base elle-même.",
        "Une suspension d'aide, par la page, par l'API et directement dans la base.",
        ("revue.offers", "revue.schema"),
    ),
    Safeguard(
        4,
        "RGPD, articles 9 et 10 ; loi Informatique et Libertés, article 6",
        "Aucune donnée sensible en entrée.",
        "Un catalogue fermé de données utiles, chacune avec sa raison. Les noms de colonnes et "
        "familles de codes sur la santé, le handicap, les addictions, les violences, la justice, "
        "la religion ou la langue ne deviennent jamais une donnée d'entrée, et un rapport "
        "cherche ce qui en tiendrait lieu.",
        "Une colonne de santé renommée ; un indice caché mis exprès ; un code de langue parmi "
        "les données d'entrée.",
        ("features.contract", "features.codes", "features.protocol", "audits.proxies"),
    ),
    Safeguard(
        5,
        "Règlement sur l'IA, article 10(5)",
        "Les attributs sensibles servent à l'audit, et à lui seul.",
        "Un rangement à part, sa propre clé, une date de fin.",
        "Les lire pendant l'entraînement ; les garder après l'audit.",
        ("features.sensitive",),
    ),
    Safeguard(
        6,
        "RGPD, article 5(1)(b)",
        "Aucun autre usage.",
        "La finalité entre dans le calcul des clés, et seule la prévention est acceptée.",
        "Rapprocher les pseudonymes de deux finalités ; un protocole de contrôle.",
        ("features.keys", "features.protocol"),
    ),
    Safeguard(
        7,
        "RGPD, article 4(5) ; CEPD, lignes directrices 01/2025",
        "Des pseudonymes que personne ne peut recalculer.",
        "Une empreinte à clé (BLAKE2b), une clé par finalité et par période. En production, "
        "l'entraînement s'arrête s'il pourrait lire la clé, et le rangement des attributs "
        "sensibles a ses propres pseudonymes.",
        "Essayer tous les identifiants possibles ; entraîner avec la clé à portée.",
        ("features.keys",),
    ),
    Safeguard(
        8,
        "RGPD, article 32",
        "Retrouver un nom est contrôlé.",
        "Un coffre à part, une clé par personne (AES-GCM), jamais dans une sauvegarde. Le nom "
        "s'ouvre à l'éducatrice ou à l'éducateur de la situation ouverte, avec un motif, une "
        "limite et une fin.",
        "L'ouvrir sans être attribué, après la fin, deux fois, ou en nombre.",
        ("revue.vault", "revue.standings"),
    ),
    Safeguard(
        9,
        "Code pénal, article 226-13",
        "Le secret professionnel.",
        "Chacun ne voit que les lignes de sa propre équipe ; l'administration ne voit aucune "
        "situation.",
        "Chaque rôle devant chaque ligne.",
        ("revue.permissions", "revue.accompanying"),
    ),
    Safeguard(
        10,
        "RGPD, article 35",
        "L'analyse d'impact vient d'abord.",
        "En production, ni entraînement ni estimation sans une analyse d'impact signée, qui "
        "porte sur la finalité, les données et le protocole.",
        "Ajouter une donnée d'entrée après la signature.",
        ("revue.schema", "api.studies"),
    ),
    Safeguard(
        11,
        "Règlement sur l'IA, articles 10 et 15",
        "Aucun modèle sans audit d'équité.",
        "Le verdict de l'audit ouvre ou ferme la porte, et les deux approbations portent sur son "
        "empreinte.",
        "Désavantager un groupe ; forger un rapport ; un groupe minuscule.",
        ("audits.engine", "audits.findings", "revue.committee", "api.gate"),
    ),
    Safeguard(
        12,
        "CRPA, articles L311-3-1 et R311-3-1-2 ; règlement sur l'IA, article 86 (proposé de "
        "nous-mêmes : ici, aucune décision n'est celle de l'algorithme)",
        "Expliquer à la personne.",
        "Une lettre dit le degré et le mode de contribution, les données et leurs sources, les "
        "paramètres et leur poids, les opérations.",
        "Recalculer l'estimation à partir de la lettre ; en retirer une partie.",
        ("modeles.explanation", "features.facts"),
    ),
    Safeguard(
        13,
        "RGPD, article 15(1)(h)",
        "Le calcul réellement appliqué, pas un autre.",
        "Les faits sont figés, avec l'empreinte du modèle et la part de chaque fait.",
        "Changer de modèle, puis demander l'explication d'une ancienne estimation.",
        ("modeles.scoring", "modeles.table", "revue.schema"),
    ),
    Safeguard(
        14,
        "RGPD, articles 13 et 14 ; règlement sur l'IA, article 26(11)",
        "Les personnes sont informées.",
        "Aucune estimation sans une information notée.",
        "Estimer la situation d'une personne non informée.",
        ("revue.directory", "api.situations"),
    ),
    Safeguard(
        15,
        "RGPD, article 21",
        "Une opposition tient.",
        "Un registre à clé, consulté à chaque import.",
        "S'opposer, puis importer de nouveau, estimer, entraîner.",
        ("revue.standings", "api.imports"),
    ),
    Safeguard(
        16,
        "RGPD, article 17",
        "L'effacement atteint aussi les sauvegardes.",
        "La clé de la personne est détruite ; une nouvelle lecture le vérifie.",
        "Restaurer une sauvegarde et fouiller ses octets.",
        ("revue.standings", "revue.vault"),
    ),
    Safeguard(
        17,
        "RGPD, articles 16 et 18",
        "Rectifier, limiter.",
        "Les signaux dépassés sont retirés puis recalculés ; les lignes limitées ne se lisent "
        "plus.",
        "Lire, entraîner ou estimer une personne dont le traitement est limité.",
        ("revue.standings", "revue.noting"),
    ),
    Safeguard(
        18,
        "RGPD, article 5(1)(e)",
        "Tout a une fin.",
        "Chaque table dit sa durée, son point de départ et la source. Ce qui est échu ne se lit "
        "plus, même avant d'être supprimé.",
        "Une table sans durée ; avancer l'horloge ; couper la suppression en plein milieu.",
        ("revue.schema",),
    ),
    Safeguard(
        19,
        "RGPD, article 5(1)(d)",
        "Aucun signal périmé.",
        "Signaux et données d'entrée ont une fin ; un seul signal par personne et par période.",
        "Des données anciennes.",
        ("revue.states", "revue.situations", "modeles.allocation"),
    ),
    Safeguard(
        20,
        "RGPD, article 5(1)(c)",
        "Rien de plus que nécessaire.",
        "Une colonne inconnue arrête l'import, de même qu'un identifiant (numéro de sécurité "
        "sociale, courriel, téléphone, nom connu) trouvé dans une valeur.",
        "En glisser dans chaque champ, de toutes les façons.",
        ("features.intake.folder", "features.intake.identifiers"),
    ),
    Safeguard(
        21,
        "Secret statistique",
        "Aucun petit nombre.",
        "Aucun effectif de moins de 11 personnes, ni ce qui permettrait de le recalculer, dans "
        "aucun tableau montré ou écrit.",
        "Programmation linéaire sur les marges ; différences par filtre et par date.",
        ("audits.suppression", "audits.secrecy", "audits.releases", "api.quality"),
    ),
    Safeguard(
        22,
        "CNIL, recommandation sur la journalisation",
        "Un journal que personne ne peut retoucher.",
        "Un arbre de Merkle par mois, enchaîné au suivant et signé, aussi écrit hors de la base. "
        "Chaque acte y entre dans la même transaction ; lire est un acte.",
        "Changer, supprimer, déplacer, tronquer, dédoubler.",
        ("revue.journal",),
    ),
    Safeguard(
        23,
        "CNIL, recommandation sur la journalisation",
        "Un journal qui en dit le moins possible.",
        "Des empreintes, aucun contenu ; 12 mois.",
        "Y chercher une identité ; le relire 13 mois plus tard.",
        ("revue.journal",),
    ),
    Safeguard(
        24,
        "Droit du travail ; CNIL",
        "Les éducatrices et éducateurs ne sont pas notés.",
        "Aucun chiffre sur celles et ceux qui regardent, sinon par groupes de 11 au moins.",
        "Obtenir les chiffres d'une seule personne.",
        ("audits.human", "api.human_side", "api.practice"),
    ),
    Safeguard(
        25,
        "CNIL, recommandation sur les mots de passe, 2022",
        "Des comptes solides.",
        "Argon2id, blocage après plusieurs essais, second facteur, sessions qui se terminent, "
        "aucun renouvellement imposé.",
        "Essayer des mots de passe en nombre ; réutiliser une session.",
        ("revue.accounts", "api.web.access"),
    ),
    Safeguard(
        26,
        "Moindre privilège",
        "Tout est fermé par défaut.",
        "Une seule table de permissions, tenue par un test ; une adresse sans permission ne peut "
        "pas exister.",
        "Une adresse que personne n'a prévue.",
        ("revue.permissions", "api.web.access"),
    ),
    Safeguard(
        27,
        "RGPD, article 30 ; règlement sur l'IA, article 11",
        "Un registre vivant.",
        "Il est produit à partir des tables, du protocole et du catalogue des données d'entrée.",
        "Une colonne que personne n'a documentée.",
        ("revue.schema", "features.catalogue"),
    ),
    Safeguard(
        28,
        "Règlement sur l'IA, articles 9 et 26",
        "Tout peut s'arrêter.",
        "L'arrêt du comité fige tous les signaux d'un coup, visiblement. Il se lit dans le "
        "journal, pas dans une case que l'on pourrait décocher.",
        "Une page gardée d'avant l'arrêt ; remettre le modèle en marche directement dans la base.",
        ("revue.committee", "revue.stops", "api.web.headers"),
    ),
    Safeguard(
        29,
        "RGPD, articles 28 et 44",
        "Rien ne sort.",
        "Aucun appel vers l'extérieur, aucune mesure d'usage, aucun fichier d'un autre site dans "
        "les pages. Seul l'envoi des points de file, s'il est réglé, atteint le serveur de "
        "courriel choisi.",
        "Toute connexion hors de la machine pendant une exécution entière.",
        ("api.web.headers", "api.web.app", "modeles.registry", "api.digest"),
    ),
    Safeguard(
        30,
        "RGPD, article 25",
        "Personne n'est reconnaissable.",
        "Chaque extrait qui quitte un service est examiné : une ligne que moins de 11 personnes "
        "partagent n'est pas écrite.",
        "Une ligne unique.",
        ("audits.singling_out", "audits.suppression", "api.quality"),
    ),
    Safeguard(
        31,
        "Règlement sur l'IA, article 12 ; intégrité",
        "Une mise en service ne peut pas être forgée.",
        "Deux membres nommés signent, chacun avec une clé que son propre mot de passe ouvre, les "
        "empreintes des données, du protocole, du modèle, de l'audit et du rapport.",
        "Déplacer une étiquette, échanger un fichier, rejouer une approbation, voter deux fois.",
        ("revue.promotion", "api.gate", "modeles.table"),
    ),
    Safeguard(
        32,
        "Contestation, droit d'être entendu",
        "La voix de la personne.",
        "Ce que la personne sait, ses propres mots, sa contestation, qui met le signal en pause.",
        "Décider malgré une contestation en attente.",
        ("revue.contestation", "revue.states"),
    ),
    Safeguard(
        33,
        "Devoir d'aide ; CASF, article L226-2-1",
        "Un danger n'attend jamais.",
        "Un acte d'urgence sur chaque situation, que rien ne bloque. Les codes de danger sont "
        "arrêtés à l'import, et chaque page dit que personne ne surveille cette file en continu.",
        "Réservation, contestation, arrêt, second regard ou session finie sur le chemin ; un code "
        "de danger dans un import.",
        ("revue.permissions", "revue.review", "features.codes"),
    ),
    Safeguard(
        34,
        "RGPD, articles 5(1)(a), 6 et 9 ; équité envers les personnes sans signal",
        "Une base légale, des adultes, et rien à perdre à être sans signal.",
        "La base légale est fixée dans le protocole, obligatoire en production. Les mineurs "
        "sont arrêtés à l'import, les foyers ne servent qu'à séparer les données, et aucune "
        "commande ne lit l'absence de signal.",
        "Une base vide ; une trace d'un membre du foyer dans une lettre ; une liste des personnes "
        "sans signal.",
        ("features.protocol", "features.intake.minors", "features.households", "api.imports"),
    ),
    Safeguard(
        35,
        "Les situations tirées au sort sont aussi des personnes",
        "Les regards au hasard sont limités.",
        "Seulement des personnes informées et non opposées, au plus une fois par an, et seulement "
        "auprès de qui les accompagne déjà.",
        "Un second tirage dans l'année ; la file de quelqu'un d'autre.",
        ("modeles.allocation", "revue.queue", "api.situations"),
    ),
    Safeguard(
        36,
        "Règlement sur l'IA, articles 4 et 26(7) ; code du travail",
        "Des équipes informées et formées.",
        "Aucun premier signal avant le module de prise en main ; ni temps de lecture ni chiffre "
        "par personne en dehors de l'audit.",
        "Demander un signal à la première connexion ; un chiffre sur une personne.",
        ("revue.practice", "revue.review", "api.human_side"),
    ),
)
"""All of them, in order."""
