"""What families of models, and the rules beside them, are called on pages and in reports.

Standard library only: the web service shows these names in a process that loads no learning
library (S31).
"""

from __future__ import annotations

from collections.abc import Mapping

from features.phrases import Language

NAMES: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "scorecard": "grille de points",
        "logistic": "modèle logistique",
        "additive": "modèle additif",
        "black_box": "boîte noire (jamais promue)",
        "first_come": "règle : accompagnement le plus ancien",
        "team_base_rate": "règle : fréquence passée de l'équipe",
    },
    "en": {
        "scorecard": "scorecard",
        "logistic": "logistic model",
        "additive": "additive model",
        "black_box": "black box (never promoted)",
        "first_come": "rule: longest accompanied",
        "team_base_rate": "rule: past frequency in the team",
    },
}
RULES: Mapping[Language, Mapping[str, str]] = {
    "fr": {
        "longest_without": "règle : plus long temps sans {group}",
        "count": "règle : nombre de {group}",
    },
    "en": {
        "longest_without": "rule: longest time without « {group} »",
        "count": "rule: number of « {group} »",
    },
}
"""Candidates as people read them; a rule about one group names it, in the protocol's words."""


def family_name(family: str, language: Language = "fr") -> str:
    """Name a family of models, or a rule, as people read it."""
    rule, _, group = family.partition(":")
    return RULES[language][rule].format(group=group) if group else NAMES[language][family]
