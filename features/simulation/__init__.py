"""Synthetic import folders that a social worker would believe; nobody in them exists.

``histories`` says what truly happens to invented people, ``recording`` what a service's
software would hold of it, ``folder`` writes both: the import folder, and a truth apart
that no import reads. Frequencies are invented and plausible; they describe no real person.
"""

from features.simulation.folder import SimulationSummary, simulate

__all__ = ["SimulationSummary", "simulate"]
