"""Stability: how much of a list hangs on who happened to be in the training, and on the day.

The bags of a table are the same fit without one part of the people each. Places that a bag
would give to others are places that chance could have given to others.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from audits.suppression import K
from audits.surroundings import Stability
from modeles.batch import bag_scores
from modeles.measures import Floats, Listing, agreement
from modeles.table import ModelTable


def find_stability(
    table: ModelTable, cohort: pd.DataFrame, values: Floats, listing: Listing, places: int
) -> Stability | None:
    """Compare the first places of the model with those of each of its bags.

    Parameters
    ----------
    table
        The model.
    cohort, values
        The audited rows, and what the model sees of them, shape (rows, columns).
    listing
        The model's own lists.
    places
        How many a review date has.

    Returns
    -------
    Stability or None
        None without a bag, without a place, or where fewer than k persons were ever listed.
    """
    listed = cohort.loc[listing.selected, "person"].nunique()
    if not table.bags or places < 1 or listed < K:
        return None
    scores, bags = table.scores(values), bag_scores(table.bags, values)
    shared = [agreement(scores, bag[:, np.newaxis], cohort, places) for bag in bags.T]
    return Stability(
        bags=len(shared),
        shared=float(np.mean(shared)),
        shared_least=min(shared),
        listed_again=None if math.isnan(listing.overlap) else listing.overlap,
    )
