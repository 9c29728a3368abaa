"""The event codes: how they match, how they read, and which families never enter.

A code is a path of parts joined by ``//``. Codes of the canonical vocabulary have a label and
a lane of the timeline in each language; an imported code without one is shown as it came.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from features.languages import Language, Told

REFUSED_FAMILIES = {
    "sante": "GDPR 9; S4",
    "medical": "GDPR 9; S4",
    "hospitalisation": "GDPR 9; S4",
    "psychiatrie": "GDPR 9; S4",
    "handicap": "GDPR 9; S4",
    "mdph": "GDPR 9, a disability file; S4",
    "rqth": "GDPR 9, a disability file; S4",
    "addiction": "GDPR 9; S4",
    "toxicomanie": "GDPR 9; S4",
    "religion": "GDPR 9; S4",
    "justice": "GDPR 10, LIL 6; S4",
    "penal": "GDPR 10, LIL 6; S4",
    "prison": "GDPR 10, LIL 6; S4",
    "violence": "S33, a danger never waits for a review",
    "suicide": "S33, a danger never waits for a review",
    "information_preoccupante": "CASF L226-2-1; S33",
}
"""Families that stop an import, each with its source."""

MINOR_FAMILIES = {
    "mineur": "S34, adults only",
    "protection_enfance": "CASF L112-3; S34",
    "protection_de_l_enfance": "CASF L112-3; S34",
    "enfance_en_danger": "CASF L226-2-1; S34",
    "ase": "CASF L221-1, aide sociale à l'enfance; S34",
    "aide_sociale_a_l_enfance": "CASF L221-1; S34",
    "aemo": "Code civil 375-2, assistance éducative en milieu ouvert; S34",
    "assistance_educative": "Code civil 375; S34",
    "mna": "CASF L221-2-4, mineurs non accompagnés; S34",
    "pjj": "CJPM, protection judiciaire de la jeunesse; S34",
}
"""Families of child protection: nothing here is made for minors."""

MINIMISED_FAMILIES = {"langue": "GDPR 9 by proxy, it tells origin; S4"}
"""Families that are taken out of an import and counted: services record them in good faith."""

FORBIDDEN_FAMILIES = frozenset({**REFUSED_FAMILIES, **MINOR_FAMILIES, **MINIMISED_FAMILIES})
"""Families that are never a feature."""

_STEMS = {
    "sante": "_sante(?!r)|_soins?_",
    "medical": "medica(l|ux|ment)|_medecin|_infirmi",
    "hospitalisation": "hospitali(s|er)|hopita",
    "psychiatrie": "psych|_psy_|_cmp_",
    "handicap": "handicap|_aah_|_pch_|_esat_|mobilite_inclusion",
    "mdph": "mdph",
    "rqth": "rqth",
    "addiction": "addict|alcool|csapa|caarud",
    "toxicomanie": "toxicom",
    "religion": "religi|_cultes?_",
    "justice": "_justice|_judici|incarcer|_(co)?deten(tion|ue?s?_)|garde_a_vue",
    "penal": "_penal(?!it|is)",
    "prison": "prison",
    "violence": "violen|maltrait|_agressi",
    "suicide": "suicid",
    "information_preoccupante": "_info(rmation)?s?_?preoccupante",
    "mineur": "_mineur",
    "protection_enfance": "protection_?(de_l_)?enfan",
    "aide_sociale_a_l_enfance": "aide_?sociale_?(a_l_)?enfan",
    "langue": "_interprete",
}
"""What tells of a family beside its name: stems of words, for ``santePsy`` and ``hôpital`` too.

A stem behind ``_`` counts where a word begins only: ``puissante`` is not about health. Stems
are French: the English codes of a MEDS folder (``HOSPITAL_ADMISSION``) are what it is for.
"""

NAMED_THINGS = {
    "ouverture_sante": "the opening of a right to health cover, which everybody has",
    "complementaire_sante": "a health cover, given by income",
    "complementaire_sante_solidaire": "a health cover, given by income",
    "point_justice": "a free place of legal advice, civil law for the most part",
    "maison_de_la_justice": "a free place of legal advice, civil law for the most part",
    "maison_de_la_justice_et_du_droit": "a free place of legal advice, civil law for the most part",
    "travaux_mineurs": "small works in a home",
    "langue_francaise": "a course of French",
}
"""Rights, places, works and courses that hold a stem and tell nothing of a person's state.

One of them is let through where it is a whole part of a code below the first. The list is
closed on purpose: the stem tells nothing apart, and whoever misses a name on it renames a code.
"""

LONGEST_CODE = 100
"""Characters; a longer code is free text."""

SIGNS = "0-9A-Za-zÀ-ÖØ-öø-ÿŒœŸ_.-"
"""What a part of a code is made of, as a class of a pattern."""

_PART = f"[{SIGNS}]+"
CODE = f"{_PART}(//{_PART})*"
"""What a code looks like, to Python and to the data engine alike: free text does not."""

OTHER_LANE = Told("Autres faits", "Other events")

_APPOINTMENTS = Told("Rendez-vous", "Appointments")
_CONTACTS = Told("Contacts et tentatives", "Contacts and attempts")
_PROJECT = Told("Projet et activités", "Project and activities")
_MEANS = Told("Droits et ressources", "Entitlements and resources")
_HOUSING = Told("Logement", "Housing")
_SERVICE = Told("Service", "Service")
_COURSE = Told("Cours en ligne", "Online course")
_WORK = Told("Travaux rendus", "Work handed in")

LANES = {
    "rdv": _APPOINTMENTS,
    "contact": _CONTACTS,
    "projet": _PROJECT,
    "activite": _PROJECT,
    "partenaire": _PROJECT,
    "emploi": _PROJECT,
    "formation": _PROJECT,
    "numerique": _MEANS,
    "droits": _MEANS,
    "ressources": _MEANS,
    "logement": _HOUSING,
    "service": _SERVICE,
    "equipe": _SERVICE,
    "absence": _SERVICE,
    "click": _COURSE,
    "soumission": _WORK,
    "echeance": _WORK,
}
"""The lane of the timeline for each family, in the order in which lanes are drawn."""

LABELS = {
    "rdv//propose": Told("Rendez-vous proposé", "Appointment offered"),
    "rdv//honore": Told("Rendez-vous honoré", "Appointment kept"),
    "rdv//non_honore": Told(
        "Rendez-vous non honoré (motif inconnu)", "Appointment not kept (reason unknown)"
    ),
    "rdv//excuse": Told("Absence excusée", "Absence excused"),
    "rdv//annule_service": Told(
        "Rendez-vous annulé par le service", "Appointment cancelled by the service"
    ),
    "rdv//reporte_service": Told(
        "Rendez-vous reporté par le service", "Appointment postponed by the service"
    ),
    "rdv//reporte_personne": Told(
        "Rendez-vous reporté par la personne", "Appointment postponed by the person"
    ),
    "contact//appel_entrant": Told("Appel de la personne", "Call from the person"),
    "contact//appel_sortant": Told("Appel du service", "Call from the service"),
    "contact//message": Told("Message", "Message"),
    "contact//visite": Told("Visite", "Visit"),
    "contact//passage_spontane": Told("Passage spontané", "Unplanned visit to the service"),
    "contact//sans_reponse": Told(
        "Appel du service sans réponse", "Unanswered call from the service"
    ),
    "projet//signe": Told("Projet signé", "Project signed"),
    "projet//bilan": Told("Bilan du projet", "Project review"),
    "projet//objectif_atteint": Told("Objectif atteint", "Goal reached"),
    "droits//demande": Told("Demande de droits", "Entitlement applied for"),
    "droits//piece_demandee": Told(
        "Pièce demandée par l'organisme", "Document asked for by the agency"
    ),
    "droits//ouverture": Told("Droit ouvert", "Entitlement granted"),
    "droits//refus": Told("Droit refusé par l'organisme", "Entitlement turned down by the agency"),
    "droits//suspension_organisme": Told(
        "Droit suspendu par l'organisme", "Entitlement suspended by the agency"
    ),
    "ressources//aide_demandee": Told("Aide financière demandée", "Financial aid requested"),
    "ressources//aide_accordee": Told("Aide financière accordée", "Financial aid granted"),
    "ressources//impaye_declare": Told("Impayé déclaré", "Unpaid bill declared"),
    "ressources//echeancier": Told("Échéancier convenu", "Payment plan agreed"),
    "logement//changement": Told("Changement d'hébergement", "Change of accommodation"),
    "logement//relance": Told("Relance pour le logement", "Reminder about housing"),
    "logement//attribution": Told("Logement attribué", "Home allocated"),
    "emploi//debut_contrat": Told("Début de contrat", "Start of a contract"),
    "emploi//fin_contrat": Told("Fin de contrat", "End of a contract"),
    "formation//entree": Told("Entrée en formation", "Start of a training course"),
    "numerique//difficulte_declaree": Told(
        "Difficulté numérique déclarée", "Difficulty with online services declared"
    ),
    "numerique//demarche_ensemble": Told(
        "Démarche en ligne faite ensemble", "Online step taken together"
    ),
    "langue//interprete_present": Told("Interprète présent", "Interpreter present"),
    "activite//collective": Told("Activité collective", "Group activity"),
    "partenaire//orientation": Told("Orientation vers un partenaire", "Referral to a partner"),
    "service//changement_referent": Told(
        "Changement de référent, à l'initiative du service",
        "Change of key worker, at the service's initiative",
    ),
    "service//aucun_creneau": Told(
        "Aucun créneau proposé par le service", "No slot offered by the service"
    ),
    "absence//prevue": Told("Absence prévue", "Planned absence"),
    "equipe//synthese": Told("Synthèse d'équipe", "Team meeting about the situation"),
    "fin//concertee": Told(
        "Fin d'accompagnement décidée ensemble", "End of support decided together"
    ),
    "fin//relais": Told("Relais vers un autre service", "Handover to another service"),
    "fin//demenagement": Told("Déménagement", "Move away"),
    "fin//deces": Told("Décès", "Death"),
    "lien//interruption": Told("Interruption du lien", "Interruption of contact"),
    "lien//reprise": Told("Reprise du lien", "Contact resumed"),
}
"""What people read for each code of the canonical vocabulary."""


def matches(code: str, patterns: Iterable[str]) -> bool:
    """Say whether ``code`` is one of ``patterns`` or stands below one.

    >>> matches("rdv//honore", ["rdv"]), matches("rdv//honoree", ["rdv//honore"])
    (True, False)
    """
    return _matches(code, tuple(patterns))


@lru_cache(maxsize=4096)
def _matches(code: str, patterns: tuple[str, ...]) -> bool:
    # Each of a year's events is asked about several times, and of codes there are few.
    return any(code == p or code.startswith(p + "//") for p in patterns)


def family(code: str) -> str:
    """Return the first part of a code, in lower case, without accents, spaces or hyphens.

    So that no spelling of a forbidden family slips through.

    >>> family("Santé//suivi"), family("information-préoccupante")
    ('sante', 'information_preoccupante')
    """
    plain = unicodedata.normalize("NFKD", code.split("//", 1)[0]).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "_", plain.decode().lower().strip())


def family_among(code: str, families: Iterable[str]) -> str | None:
    """Return the first of some families that stands in any part of a code.

    A family is found by its name among a part's words, in the singular or the plural, and
    by the stems that tell of it; a part that is one of :data:`NAMED_THINGS` is not searched.
    What would be missed weighs more than what has to be renamed.

    >>> family_among("orientation//Violences-conjugales", ["sante", "violence"])
    'violence'
    >>> family_among("suivi//santePsy", ["sante"]), family_among("santeria//x", ["sante"])
    ('sante', None)
    >>> family_among("droits//ouverture_sante", ["sante"]) is None
    True
    """
    first, *below = code.split("//")
    telling = (part for part in below if family(part).strip("_") not in NAMED_THINGS)
    parts = [_words(part) for part in (first, *telling)]
    for name in families:
        spelled = re.compile("_" + name.replace("_", "s?_") + f"s?_|{_STEMS.get(name, '(?!)')}")
        if any(spelled.search(part) for part in parts):
            return name
    return None


def _words(part: str) -> str:
    """Return a part's words between ``_``; capitals begin a word, spelled-out letters make one."""
    split = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", "_", unicodedata.normalize("NFC", part))
    whole, apart = (f"_{family(spelled).strip('_')}_" for spelled in (part, split))
    spelled_out = re.sub("(?<=_[a-z])_(?=[a-z]_)", "", whole)
    return "__".join(dict.fromkeys([whole, apart, spelled_out]))


def is_code(text: str) -> bool:
    """Say whether a text has the shape of a code: :data:`CODE`, not longer than a code may be.

    >>> is_code("LOINC//1234-5"), is_code("a dit qu'il va mal"), is_code("rdv//")
    (True, False, False)
    """
    return len(text) <= LONGEST_CODE and re.fullmatch(CODE, text) is not None


def label(code: str, language: Language = "fr") -> str:
    """Return what people read for a code, or the code itself where it has no label."""
    return LABELS[code].to(language) if code in LABELS else code


def lane(code: str, language: Language = "fr") -> str:
    """Return the lane of the timeline on which a code is drawn."""
    return LANES.get(family(code), OTHER_LANE).to(language)


def lanes(language: Language = "fr") -> tuple[str, ...]:
    """Return every lane from top to bottom."""
    return tuple(dict.fromkeys(name.to(language) for name in (*LANES.values(), OTHER_LANE)))
