"""Records for the report's tests: everything filled, with groups too small to show."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from audits.engine import audit_predictions
from audits.records import (
    AuditResult,
    CalibrationBin,
    CalibrationCurve,
    Finding,
    GroupEstimate,
    TeamsLeftOut,
    TieBreak,
)
from audits.report.context import (
    AuditContext,
    Candidate,
    ListMeasures,
    ModelBin,
    ModelFeature,
    Words,
)
from audits.surroundings import (
    DataSheet,
    Drift,
    GroupDelay,
    HumanGroup,
    HumanSide,
    LabelCard,
    MissingProxy,
    Proxy,
    ProxyFeature,
    ShareLine,
    Shift,
    Stability,
    Surroundings,
    TradeOff,
    TradeOffPoint,
)
from tests.audits.tables import histories

DAY = date(2026, 3, 1)

CONTEXT = AuditContext(
    subject="3",
    kind="model",
    protocol="accompagnement",
    outcome="interruption de l'accompagnement",
    data_hash="a" * 64,
    model_hash="b" * 64,
    protocol_hash="c" * 64,
    capacity=ListMeasures(7, 100, 0.1, 0.17, 0.39, None, 700, 690),
    candidates=(
        Candidate(Words("modèle additif", "additive model"), True, True, 0.72, 0.18, 0.41),
        Candidate(Words("grille de points", "scorecard"), False, True, 0.7, 0.17, None),
    ),
    features=(
        ModelFeature(
            Words("rendez-vous <non honorés>", "appointments <not kept>"),
            (
                ModelBin(Words("aucun fait", "no event"), -0.4),
                ModelBin(Words("au moins 1 fait", "at least 1 event"), 0.6),
                ModelBin(Words("sans valeur", "without a value"), 0.0),
            ),
        ),
        ModelFeature(
            Words("échanges : jours depuis le dernier fait", "exchanges: days since the last one"),
            (
                ModelBin(Words("jusqu'à 12 jours", "up to 12 days"), -0.31),
                ModelBin(Words("de 13 à 40 jours", "13 to 40 days"), 0.05),
                ModelBin(Words("plus de 40 jours", "more than 40 days"), 0.52),
                ModelBin(Words("sans valeur", "without a value"), 0.1),
            ),
        ),
    ),
    limits=(Words("Une limite propre à ce modèle.", "A limit of this very model."),),
)


def _share(counted: int, of: int) -> ShareLine:
    share = counted / of
    return ShareLine(counted, of, share, max(0.0, share - 0.12), min(1.0, share + 0.12))


WITHHELD = ShareLine(None, None, None, None, None)

SURROUNDINGS = Surroundings(
    data_sheet=DataSheet(
        extracted_on=date(2026, 2, 20),
        train_from=date(2024, 1, 1),
        train_until=date(2025, 6, 2),
        train_persons=5200,
        train_rows=41_000,
        train_base_rate=0.071,
        test_from=date(2025, 7, 7),
        test_until=date(2026, 1, 5),
        test_persons=2600,
        test_rows=11_200,
        test_base_rate=0.083,
        features=59,
        unknown=(("genre", 0.038), ("interprete", 0.0)),
        set_aside=("rdv//visio", "contact//sms"),
    ),
    label_card=LabelCard(
        outcome="interruption de l'accompagnement",
        kind="event",
        codes=("lien//interruption",),
        competing_codes=("fin//deces", "fin//demenagement"),
        horizon_days=90,
        unknown_share=0.031,
        median_days=6.0,
        late_share=0.22,
        groups=(
            GroupDelay("interprete", "non", 420, 5.0, 0.2),
            GroupDelay("interprete", "oui", 84, 9.5, 0.33),
            GroupDelay("interprete", "inconnu", None, None, None),
        ),
    ),
    proxies=(
        Proxy(
            "interprete", "oui", 0.71, 0.66, 0.76, 0.55,
            (
                ProxyFeature("contacts sans réponse : nombre sur 90 jours", "c.count.90", 0.64),
                ProxyFeature("messages et visites : jours concernés", "m.active", 0.61),
            ),
        ),
        Proxy("genre", "femme", 0.53, 0.49, 0.57, 0.51, ()),
        Proxy("genre", "inconnu", None, None, None, None, ()),
    ),
    missing=(
        MissingProxy(
            "interprete", "oui", "réponses attendues : jours depuis le dernier fait", "r.since",
            0.61, 0.48, 0.07, 0.19,
        ),
    ),
    stability=Stability(bags=8, shared=0.86, shared_least=0.81, listed_again=0.2),
    drift=Drift(
        score_psi=0.04,
        features=(
            Shift("messages et visites : nombre sur 28 jours", "m.count.28", 0.31),
            Shift("rendez-vous honorés : nombre sur 90 jours", "r.count.90", 0.12),
            Shift("échanges : évolution sur 90 jours", "e.trend.90", 0.02),
        ),
        moved=1,
        base_rate_before=0.071,
        base_rate_since=0.083,
    ),
    trade_offs=(
        TradeOff(
            "interprete",
            (
                TradeOffPoint("", 0.0, 0.41, 0.096, model=True),
                TradeOffPoint("", 0.0, 0.42, 0.104, free=True),
                TradeOffPoint("ExponentiatedGradient", 0.01, 0.38, 0.02),
                TradeOffPoint("ExponentiatedGradient", 0.05, 0.4, 0.06),
                TradeOffPoint("GridSearch", 1.0, 0.39, 0.04),
                TradeOffPoint("GridSearch", 2.0, 0.35, 0.01),
            ),
        ),
    ),
    human=HumanSide(
        situations=640,
        persons=580,
        educators=24,
        groups=(
            HumanGroup(
                "interprete", "non", 1500,
                _share(300, 1500), _share(120, 300), _share(140, 300), _share(110, 300),
                _share(90, 110),
            ),
            HumanGroup(
                "interprete", "oui", 330,
                _share(80, 330), _share(30, 80), _share(40, 80), _share(28, 80), WITHHELD,
            ),
            HumanGroup("interprete", "inconnu", None, *(WITHHELD,) * 5),
        ),
        with_signal=_share(130, 380),
        without_signal=_share(9, 60),
        followed=_share(372, 380),
        missed=_share(12, 60),
        self_opened=_share(70, 110),
        yielded=WITHHELD,
        alarms=("agrees_with_everything",),
    ),
)  # fmt: skip


def full_result() -> AuditResult:
    """Audit a table, and add what the engine may tell beyond the five counted metrics."""
    result = audit_predictions(
        histories(600, 4, rng=np.random.default_rng(0)),
        attributes=["genre", "interprete"],
        intersections=[["genre", "interprete"]],
        replicates=100,
        tie_break=TieBreak(k=100, tied=3, places=1, unscored=2, seed=0),
    )
    findings = tuple(_shrunk(finding) for finding in result.findings)
    curve = tuple(
        CalibrationBin(at, min(1.0, 1.2 * at + 0.01), max(0.0, at - 0.03), at + 0.09, 40)
        for at in (0.02, 0.05, 0.09, 0.16, 0.31)
    )
    return replace(
        result,
        findings=(*findings, *_scored(findings[0])),
        calibration=(
            CalibrationCurve("genre", "femme", curve),
            CalibrationCurve("genre", "homme", curve[:4]),
            CalibrationCurve("genre", "inconnu", (CalibrationBin(None, None, None, None, None),)),
            CalibrationCurve("interprete", "non", curve),
            CalibrationCurve("interprete", "oui", curve[1:]),
        ),
        teams=(
            TeamsLeftOut("genre", 9, 0.02, 0.07, 0),
            TeamsLeftOut("interprete", 9, None, None, 1),
        ),
    )


def _shrunk(finding: Finding) -> Finding:
    if " × " not in finding.attribute:
        return finding
    return replace(
        finding,
        groups=tuple(
            group if group.estimate is None else replace(group, shrunk=0.3 + group.estimate / 4)
            for group in finding.groups
        ),
    )


def _scored(recall: Finding) -> list[Finding]:
    """Findings of a table with probabilities, which have no numerator."""

    def moved(group: GroupEstimate, at: float) -> GroupEstimate:
        if group.estimate is None:
            return replace(group, numerator=None, denominator=None)
        return replace(
            group,
            numerator=None,
            denominator=None,
            estimate=at,
            low=at - 0.04,
            high=at + 0.04,
            difference=0.01,
            difference_low=-0.03,
            difference_high=0.05,
        )

    return [
        replace(
            recall,
            metric=metric,
            groups=tuple(moved(group, at) for group in recall.groups),
            verdict=None,
            p_value=None,
            persons_needed=None,
        )
        for metric, at in (("auc", 0.7), ("calibration", -0.02))
    ]
