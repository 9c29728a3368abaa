"""From an import folder to rows that can be trusted, or a refusal in one sentence.

``reading`` types the files, ``folder`` checks, minimises and pseudonymises them,
``identifiers`` and ``minors`` say what stops an import at once.
"""

from features.intake.folder import Extract, read_folder
from features.intake.reading import ImportRefused

__all__ = ["Extract", "ImportRefused", "read_folder"]
