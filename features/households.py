"""Who must stand on one side of every split: persons linked by a household, however indirectly."""

from __future__ import annotations

import numpy as np
import pandas as pd


def linked(stays: pd.DataFrame) -> pd.DataFrame:
    """Give all stays of linked persons one ``household``.

    A person may share a household during one stay only, or move from one to another: whoever
    is linked over any stay belongs together, or a person stood in training and in test.

    Parameters
    ----------
    stays
        :data:`features.tables.STAYS`, whole: a link may lead over anybody.

    Returns
    -------
    DataFrame
        The same rows; ``household`` is the first, in order, of those that are linked.
    """
    names, household = np.unique(stays["household"].to_numpy(object), return_inverse=True)
    person = pd.factorize(stays["person"])[0]
    first = np.arange(len(names))
    while True:
        # Each person takes the first household of its stays, each household that of its persons.
        of_person = np.full(person.max(initial=-1) + 1, len(names))
        np.minimum.at(of_person, person, first[household])
        reached = first.copy()
        np.minimum.at(reached, household, of_person[person])
        if (reached == first).all():
            break
        first = reached
    if (household == first[household]).all():
        return stays
    return stays.assign(household=pd.Series(names[first[household]], stays.index, dtype="str"))
