"""What families of models, and the rules beside them, are called on pages and in reports.

Standard library only: the web service shows these names in a process that loads no learning
library (S31).
"""

from __future__ import annotations

NAMES = {
    "scorecard": "grille de points",
    "logistic": "modèle logistique",
    "additive": "modèle additif",
    "black_box": "boîte noire (jamais promue)",
    "first_come": "règle : accompagnement le plus ancien",
    "team_base_rate": "règle : fréquence passée de l'équipe",
}
RULES = {
    "longest_without": "règle : plus long temps sans {group}",
    "count": "règle : nombre de {group}",
}
"""Candidates as people read them; a rule about one group names it."""


def family_name(family: str) -> str:
    """Name a family of models, or a rule, as people read it."""
    rule, _, group = family.partition(":")
    return RULES[rule].format(group=group) if group else NAMES[family]
