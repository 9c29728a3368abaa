"""The last look at whatever leaves a room: no line about fewer than k persons (S30).

What is withheld is chosen before, where the figures are made (:mod:`audits.suppression`); this
refuses an extract in which that was forgotten. It names columns and never values, for the value
is what would single somebody out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from audits.suppression import K
from features.errors import RebondError


class SinglesOut(RebondError):
    """An extract holds a line about so few persons that it tells who they are."""


def check_singling_out(
    table: Iterable[Mapping[str, object]],
    quasi_identifiers: Sequence[str],
    *,
    persons: str | None = None,
    k: int = K,
) -> None:
    """Refuse an extract in which fewer than k persons share what a line says of them.

    Parameters
    ----------
    table
        Its lines.
    quasi_identifiers
        Columns by which somebody who knows a person would find their line.
    persons
        In a table of groups, the column that counts persons: None where it is withheld, and 0
        where the line is about nobody. Without it each line is one person.
    k
        The smallest number of persons.

    Raises
    ------
    SinglesOut
        With the columns, and how many combinations of their values are too rare.

    References
    ----------
    Sweeney, "k-anonymity: a model for protecting privacy" (2002); GDPR article 25.
    """
    sharing: Counter[tuple[object, ...]] = Counter()
    for line in table:
        number = 1 if persons is None else line[persons]
        if number is not None:
            if not isinstance(number, int):
                raise TypeError(f"{persons} is {number!r}; expected a whole number or None.")
            sharing[tuple(line[name] for name in quasi_identifiers)] += number
    rare = sum(0 < number < k for number in sharing.values())
    if rare:
        raise SinglesOut(
            f"{rare} combination{'s' if rare > 1 else ''} of {', '.join(quasi_identifiers)} "
            f"would be about fewer than {k} persons; withhold or merge them before they leave."
        )
