"""Explanations: exact, dated, few, and the same whoever asks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import shap

from modeles.explanation import Signal
from modeles.families import Additive, Logistic
from modeles.scoring import (
    CANNOT_KNOW,
    MOST_AGAINST,
    MOST_REASONS,
    NOT_COUNTED,
    explain,
    reword,
)
from modeles.table import Calibration
from tests.modeles.builders import feature, table, training
from tests.modeles.test_families import as_table, quiet

AS_OF = date(2026, 11, 16)
VALID = date(2027, 2, 14)
FEATURES = (feature("rdv"), feature("contact", "since_last", None))


def test_a_reason_states_a_date_and_a_number() -> None:
    signal = explain(table(), FEATURES, np.array([3.0, 99.0]), AS_OF, VALID)
    assert [r.text for r in signal.reasons] == [
        "3 rdvs depuis le 18 août 2026.",
        "Contacts : dernier fait enregistré le 9 août 2026, il y a 99 jours.",
    ]
    assert signal.against == ()
    assert signal.score == pytest.approx(-0.5)


def test_what_speaks_against_is_said_too() -> None:
    signal = explain(table(), FEATURES, np.array([0.0, 0.0]), AS_OF, VALID)
    assert signal.reasons == ()
    assert [r.feature for r in signal.against] == ["contact", "rdv"]


def test_what_is_missing_is_said() -> None:
    steps, line = table().features
    silent = replace(table(), features=(steps, replace(line, missing=0.0)))
    signal = explain(silent, FEATURES, np.array([3.0, np.nan]), AS_OF, VALID)
    assert signal.missing[0] == "Contacts : aucun fait enregistré avant le 16 novembre 2026."


def test_what_is_missing_is_said_once() -> None:
    signal = explain(table(), FEATURES, np.array([3.0, np.nan]), AS_OF, VALID)
    assert "Contacts : aucun fait enregistré avant le 16 novembre 2026." in [
        r.text for r in signal.reasons
    ]
    assert "Contacts : aucun fait enregistré avant le 16 novembre 2026." not in signal.missing


MENDED = tuple(replace(f, wording=f"{f.group} mot|{f.group} mots") for f in FEATURES)


def test_a_kept_signal_is_told_again_in_mended_words() -> None:
    signal = explain(table(), FEATURES, np.array([3.0, 99.0]), AS_OF, VALID)
    kept = Signal.from_json(signal.to_json())
    told = reword(kept, MENDED)
    assert [r.text for r in told.reasons] == [
        "3 rdv mots depuis le 18 août 2026.",
        "Contact mots : dernier fait enregistré le 9 août 2026, il y a 99 jours.",
    ]
    assert told == explain(table(), MENDED, np.array([3.0, 99.0]), AS_OF, VALID)
    assert reword(kept, ()) == kept == signal
    assert reword(kept, FEATURES) == kept


@pytest.mark.parametrize("values", [[0.0, 0.0], [3.0, np.nan], [0.0, np.nan], [1.0, 30.0]])
@pytest.mark.parametrize("missing", [0.0, 0.5, -0.5])
def test_words_are_the_only_thing_that_changes(values: list[float], missing: float) -> None:
    """What speaks against and what is missing too: no page shows the old words anywhere."""
    steps, line = table().features
    model = replace(table(), features=(steps, replace(line, missing=missing)))
    row = np.array(values)
    kept = explain(model, FEATURES, row, AS_OF, VALID, other=2)
    assert reword(kept, MENDED) == explain(model, MENDED, row, AS_OF, VALID, other=2)


def test_what_was_kept_without_a_column_keeps_its_sentence() -> None:
    kept = explain(table(), FEATURES, np.array([3.0, np.nan]), AS_OF, VALID)
    plain = json.loads(kept.to_json())
    del plain["absent"]
    for reason in (*plain["reasons"], *plain["against"]):
        del reason["column"], reason["value"]
    old = Signal.from_json(json.dumps(plain))
    assert [r.text for r in old.reasons] == [r.text for r in kept.reasons]
    assert reword(old, MENDED) == old


SPOKEN = tuple(replace(f, wording_en=f"{f.group} fact|{f.group} facts") for f in FEATURES)


def test_a_kept_signal_is_told_again_in_english() -> None:
    steps, line = table().features
    silent = replace(table(), features=(steps, replace(line, missing=0.0)))
    signal = explain(silent, FEATURES, np.array([3.0, np.nan]), AS_OF, VALID, other=2)
    told = reword(Signal.from_json(signal.to_json()), SPOKEN, "en")
    assert [r.text for r in told.reasons] == ["3 rdv facts since 18 August 2026."]
    assert told.missing == (
        "Contact facts: no event recorded before 16 November 2026.",
        NOT_COUNTED["en"].format("2 events"),
        CANNOT_KNOW["en"],
    )
    against = explain(table(), FEATURES, np.array([0.0, 0.0]), AS_OF, VALID, other=1)
    told = reword(against, SPOKEN, "en")
    assert {r.text for r in told.against} == {
        "Rdv facts: no event recorded since 18 August 2026.",
        "Contact facts: last event recorded on 16 November 2026, 0 days ago.",
    }
    assert told.missing == (NOT_COUNTED["en"].format("1 event"), CANNOT_KNOW["en"])


@pytest.mark.parametrize("other", [0, 1, 7])
def test_english_changes_words_and_nothing_else(other: int) -> None:
    signal = explain(table(), FEATURES, np.array([3.0, 99.0]), AS_OF, VALID, other=other)
    told = reword(signal, SPOKEN, "en")
    assert reword(told, FEATURES) != signal != told
    french = {r.column: r.text for r in (*signal.reasons, *signal.against)}
    back = replace(
        told,
        reasons=tuple(replace(r, text=french[r.column]) for r in told.reasons),
        against=tuple(replace(r, text=french[r.column]) for r in told.against),
        missing=signal.missing,
    )
    assert back == signal


def test_what_was_kept_without_its_count_keeps_its_sentence_in_english_too() -> None:
    kept = explain(table(), FEATURES, np.array([3.0, 99.0]), AS_OF, VALID, other=2)
    plain = json.loads(kept.to_json())
    del plain["other"]
    old = Signal.from_json(json.dumps(plain))
    assert reword(old, SPOKEN) == old
    told = reword(old, SPOKEN, "en")
    assert told.missing == (NOT_COUNTED["fr"].format("2 faits"), CANNOT_KNOW["en"])
    assert [r.text for r in told.reasons] == [
        "3 rdv facts since 18 August 2026.",
        "Contact facts: last event recorded on 9 August 2026, 99 days ago.",
    ]


def test_the_estimate_is_a_natural_frequency_in_its_band() -> None:
    signal = explain(table(), FEATURES, np.array([3.0, 99.0]), AS_OF, VALID)
    assert signal.estimate.low <= signal.estimate.per_100 <= signal.estimate.high


def test_a_signal_is_read_back_equal() -> None:
    signal = explain(table(), FEATURES, np.array([3.0, np.nan]), AS_OF, VALID)
    assert Signal.from_json(signal.to_json()) == signal


@pytest.mark.parametrize("family", [Logistic(), Additive()], ids=lambda f: f.name)
def test_reasons_are_few_and_add_up_to_the_score(family: Logistic | Additive) -> None:
    rows = training()
    fitted = replace(
        as_table(family.fit(rows, quiet)),
        calibration=Calibration(1.0, 0.0, 0.0, 0.0, ((0.0, 0.1, 0.2),)),
    )
    for values in rows.values[:50]:
        signal = explain(fitted, rows.features, values, AS_OF, VALID)
        assert len(signal.reasons) <= MOST_REASONS
        assert len(signal.against) <= MOST_AGAINST
        points = [r.points for r in signal.reasons]
        assert points == sorted(points, reverse=True)
        total = fitted.intercept + fitted.contributions(values[np.newaxis]).sum()
        assert total == pytest.approx(signal.score, abs=1e-12)


def test_contributions_equal_the_shap_values_of_the_table() -> None:
    rows = training()
    fitted = as_table(Additive().fit(rows, quiet))
    background = rows.values[:100]
    explainer = shap.explainers.Exact(fitted.scores, shap.maskers.Independent(background, 100))
    found = explainer(rows.values[100:110]).values
    ours = fitted.contributions(rows.values[100:110]) - fitted.contributions(background).mean(
        axis=0
    )
    assert np.abs(found - ours).max() < 1e-10
