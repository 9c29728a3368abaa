"""What an audit tells around its findings, gathered from the home, the model and its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from api.home import Home
from audits.data_sheet import data_sheet
from audits.drift import find_drift
from audits.label_card import label_card, record_delays
from audits.mitigation import find_trade_offs
from audits.predictions import named
from audits.proxies import find_missing, find_proxies
from audits.records import AuditResult
from audits.stability import find_stability
from audits.suppression import K
from audits.surroundings import Surroundings
from features.block import Block
from features.catalogue import looked_at
from features.engine import StoreEngine
from modeles.allocation import signal_places
from modeles.batch import bag_scores
from modeles.families import unseen
from modeles.measures import Listing, list_at_capacity
from modeles.selection import numbered
from modeles.table import ModelTable
from modeles.validation import Study

Floats = npt.NDArray[np.float64]


def surroundings_of(
    home: Home,
    table: ModelTable,
    study: Study,
    *,
    scores: Floats,
    listing: Listing,
    attributes: pd.DataFrame,
    result: AuditResult,
    engine: StoreEngine,
    seed: int,
    progress: Callable[[str], None],
) -> Surroundings:
    """Gather all but the human side.

    Parameters
    ----------
    home
        Holds the sensitive values of the training, which this audit alone reads, and the keys.
    table, study
        The audited model, and its training and test rows.
    scores, listing
        Of the test rows: the model's, and its lists at capacity.
    attributes
        Sensitive values of the test rows, one column per audited attribute.
    result
        The audit: what it withholds is withheld here too.
    engine
        Reads the events.
    seed
        Of the fits.
    progress
        Told what is being done.
    """
    train, test, protocol = study.train, study.test, study.protocol
    audited = attributes.apply(named)
    trained_on = _attributes(home, train.cohort["person"], list(attributes.columns))
    capacity = protocol.capacity

    def listed(other: Floats) -> Listing:
        key = home.keys.subkey("draw")
        return list_at_capacity(
            test.cohort, other, capacity, key, table.version, np.inf, ties=False
        )

    progress("reading how late outcomes were recorded")
    delays, set_aside = _read(engine, table, study)
    progress("looking for proxies")
    latest = ~test.cohort["person"].duplicated(keep="last").to_numpy(bool)
    last = test[latest]
    persons = audited[latest].reset_index(drop=True)
    proxies = find_proxies(
        table.features,
        last.values,
        scores[latest],
        persons,
        numbered(last, "household"),
        study.test_fold[latest],
        seed=seed,
    )
    progress("comparing with the training and between bags")
    score_then = unseen(bag_scores(table.bags, train.values), study.train_fold)
    return Surroundings(
        data_sheet=data_sheet(
            train.cohort,
            test.cohort,
            result,
            extracted_on=study.split.mature_on,
            features=len({line.column for line in table.features}),
            set_aside=set_aside,
        ),
        label_card=label_card(
            protocol.outcome, delays, persons.set_index(last.cohort["person"]), result
        ),
        proxies=proxies,
        missing=find_missing(table.features, last.values, persons),
        stability=find_stability(
            table,
            test.cohort,
            test.values,
            listing,
            signal_places(capacity, capacity.per_review),
        ),
        drift=find_drift(
            table.features,
            (train.cohort, train.values, score_then),
            (test.cohort, test.values, scores),
        ),
        trade_offs=find_trade_offs(study, trained_on, audited, listing, listed, progress=progress),
    )


def _attributes(home: Home, persons: pd.Series[str], names: Sequence[str]) -> pd.DataFrame:
    return home.sensitive.attributes(persons.tolist(), names, on=home.today()).apply(named)


def _read(
    engine: StoreEngine, table: ModelTable, study: Study
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Return how late outcomes of the test were recorded, and codes that are in no feature."""
    outcome, dates = study.protocol.outcome, study.split.test_dates
    until = dates[-1] + timedelta(days=outcome.horizon_days)

    def found(block: Block, _: pd.DataFrame) -> tuple[pd.DataFrame, Counter[str]]:
        new = looked_at(study.protocol, block.codes) - set(table.codes)
        persons = {
            code: len(np.unique(block.person[block.code == block.codes.index(code)]))
            for code in new
        }
        return record_delays(block, outcome.codes, dates[0], until), Counter(persons)

    delays, counted = zip(*engine.over_blocks(found), strict=True)
    persons = sum(counted, Counter[str]())
    told = frozenset(code for code, number in persons.items() if number >= K)
    return pd.concat(delays, ignore_index=True), told
