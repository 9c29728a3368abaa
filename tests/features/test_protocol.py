from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from features.catalogue import catalogue
from features.protocol import InvalidProtocol, parse_protocol, read_protocol

from .builders import PARTS, protocol, protocol_text

SHIPPED = Path(__file__).parents[2] / "features" / "protocols" / "accompagnement.toml"


def test_smallest_protocol_and_the_shipped_one_are_accepted() -> None:
    assert protocol().cadence.start.isoformat() == "1970-01-05"
    assert read_protocol(SHIPPED).purpose == "prevention"


def group(**changes: str) -> str:
    lines = {
        "name": '"visites"',
        "codes": '["contact//visite"]',
        "measures": '["count"]',
        "wording": '"visite|visites"',
        "reason": '"une visite est un échange"',
    } | changes
    return "[[features.group]]\n" + "\n".join(f"{k} = {v}" for k, v in lines.items() if v)


HASH_BEFORE_ENGLISH = "9575a5dae03da709cd7583fc62ed000458b304d816d5ebdb79eb7ff3dad65c19"

OUTCOME = PARTS["outcome"]

REFUSED = [
    ({"head": 'name = "x"\npurpose = "prevention"\ncolour = 1'}, "colour: unknown key"),
    ({"legal": "[legal]\nadults_only = false"}, "legal.adults_only"),
    ({"population": "[population]\nmin_history_days = -1"}, "population.min_history_days"),
    ({"cadence": "[cadence]\nevery_days = 0"}, "cadence.every_days"),
    ({"cadence": '[cadence]\nstart = "soon"'}, "cadence.start"),
    ({"outcome": OUTCOME + "\nhorizon = 3"}, "outcome.horizon: unknown key"),
    ({"outcome": '[outcome]\nlabel = "x"\ncodes = []'}, "outcome.codes"),
    ({"outcome": OUTCOME + '\nkind = "guess"'}, "outcome.kind"),
    ({"outcome": ""}, "outcome"),
    ({"groups": ""}, "features.group"),
    ({"groups": group(reason='""')}, "features.group.0.reason"),
    ({"groups": group(reason='"   "')}, "features.group.0.reason"),
    ({"groups": group(reason="")}, "features.group.0.reason"),
    ({"groups": group(wording='""')}, "features.group.0.wording"),
    ({"groups": group(wording_en='"no-show|no-shows"')}, "features.group.0.wording_en"),
    ({"groups": group(wording_en='"visit|visits|visit"')}, "features.group.0.wording_en"),
    ({"groups": group(wording_en='" "')}, "features.group.0.wording_en"),
    ({"groups": group(measures='["median"]')}, "features.group.0.measures"),
    ({"groups": group(measures='["count", "count"]')}, "repeats a measure"),
    ({"groups": group(sign="2")}, "features.group.0.sign"),
    ({"groups": group() + "\n" + group()}, "distinct names"),
    ({"groups": group(codes='["lien//interruption"]')}, "'lien//interruption'"),
    ({"groups": group(codes='["lien"]')}, "'lien//interruption'"),
    ({"groups": group(codes='["lien//interruption//definitive"]')}, "'lien//interruption'"),
    ({"features": "[features]\nwindows_days = []"}, "features.windows_days"),
    ({"features": "[features]\nwindows_days = [28, 28]"}, "repeats a window"),
    ({"features": "[features]\nwindows_days = [0]"}, "features.windows_days"),
    ({"capacity": "[capacity]\ncontrol_share = 0.6\nexploration_share = 0.4"}, "below 1"),
    ({"capacity": "[capacity]\ncontrol_share = nan"}, "capacity.control_share"),
    ({"audit": '[audit]\nattributes = ["a"]\nintersections = [["a", "b"]]'}, "'b'"),
    ({"audit": "[audit]\ntolerance = 0.0"}, "audit.tolerance"),
]


@pytest.mark.parametrize(("parts", "said"), REFUSED, ids=[s for _, s in REFUSED])
def test_a_protocol_that_says_what_it_may_not_is_refused(parts: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidProtocol) as refusal:
        parse_protocol(protocol_text(**parts), "study.toml")
    assert str(refusal.value).startswith("study.toml") and said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_what_is_no_toml_or_no_text_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "protocol.toml"
    with pytest.raises(InvalidProtocol, match=r"there is no protocol at .*protocol\.toml\.$"):
        read_protocol(file)
    file.write_text("name = ", encoding="utf-8")
    with pytest.raises(InvalidProtocol, match=r"protocol\.toml is not valid TOML"):
        read_protocol(file)
    file.write_bytes(protocol_text().replace("essai", "été").encode("latin-1"))
    with pytest.raises(InvalidProtocol, match=r"protocol\.toml is not UTF-8"):
        read_protocol(file)


def test_an_outcome_whose_past_is_not_empty_may_be_a_feature() -> None:
    codes = group(codes='["lien//interruption"]')
    assert protocol(groups=codes, outcome=OUTCOME + "\nrepeats = true")
    assert protocol(groups=codes, outcome=OUTCOME + '\nkind = "silence"')


@pytest.mark.safeguard
@pytest.mark.parametrize("purpose", ["control", "fraud", "Prevention", "prevention ", ""])
def test_s06_another_purpose_is_refused(purpose: str) -> None:
    with pytest.raises(InvalidProtocol, match="purpose"):
        protocol(head=f'name = "x"\npurpose = "{purpose}"')


FORBIDDEN = [
    "sante", "Santé", "SANTÉ", "sante//suivi", "santé//hospitalisation", " santé //x",
    "handicap//rqth", "mdph", "MDPH//dossier", "addiction//x", "violence//x", "suicide",
    "justice//x", "religion//x", "langue", "langue//interprete_present", "Langue//x",
    "information_preoccupante", "information préoccupante//x", "information-preoccupante",
    "langues//x", "equipe//langue_interprete", "orientation//sante", "activite//violence",
    "psychiatrique//x", "santes//x", "suivi//hopitalDeJour", "orientation//ase",
]  # fmt: skip


@pytest.mark.safeguard
@pytest.mark.parametrize("code", FORBIDDEN)
def test_s04_no_spelling_of_a_forbidden_family_becomes_a_feature(code: str) -> None:
    with pytest.raises(InvalidProtocol, match="never a feature"):
        protocol(groups=group(codes=f'["rdv", "{code}"]'))


@pytest.mark.safeguard
@pytest.mark.parametrize("code", ["genre", "Genre//f", "profil//genre_f", "x//leGenre", "AGE//x"])
def test_s05_an_attribute_of_the_audit_never_becomes_a_feature(code: str) -> None:
    """What is imported for the audit alone does not come back in as an event."""
    audit = '[audit]\nattributes = ["genre", "âge", "性"]'
    with pytest.raises(InvalidProtocol, match="serves the audit alone"):
        protocol(groups=group(codes=f'["rdv", "{code}"]'), audit=audit)
    assert protocol(groups=group(codes='["rdv", "activite//generale", "x//usage"]'), audit=audit)


@pytest.mark.parametrize("code", ["a dit non", "fin//", "/rdv", "r" * 101])
def test_what_is_no_code_is_refused_wherever_a_protocol_names_codes(code: str) -> None:
    for parts in (
        {"groups": group(codes=f'["{code}"]')},
        {"outcome": OUTCOME.replace('"lien//interruption"', f'"{code}"')},
        {"outcome": f'[outcome]\nlabel = "x"\ncodes = ["fin"]\ncompeting_codes = ["{code}"]'},
    ):
        with pytest.raises(InvalidProtocol, match="is no code: write parts"):
            protocol(**parts)


def test_blanks_around_a_code_hide_no_outcome() -> None:
    with pytest.raises(InvalidProtocol, match="matches the outcome code"):
        protocol(groups=group(codes='[" lien//interruption "]'))
    assert protocol(groups=group(codes='["rdv "]')) == protocol(groups=group(codes='["rdv"]'))


@pytest.mark.safeguard
def test_s34_minors_are_refused() -> None:
    with pytest.raises(InvalidProtocol, match="adults_only"):
        protocol(legal="[legal]\nadults_only = false")


CHANGES = {
    "name": {"head": 'name = "autre"\npurpose = "prevention"'},
    "controller": {"legal": '[legal]\ncontroller = "CCAS"'},
    "basis": {"legal": '[legal]\nbasis = "6.1.e"'},
    "history": {"population": "[population]\nmin_history_days = 27"},
    "cadence": {"cadence": "[cadence]\nevery_days = 7"},
    "start": {"cadence": "[cadence]\nevery_days = 28\nstart = 2024-01-01"},
    "end": {"cadence": "[cadence]\nevery_days = 28\nend = 2024-01-01"},
    "outcome": {"outcome": OUTCOME.replace("90", "91")},
    "repeats": {"outcome": OUTCOME + "\nrepeats = true"},
    "kind": {"outcome": OUTCOME + '\nkind = "silence"'},
    "at risk": {"outcome": OUTCOME + "\nat_risk_days = 30"},
    "competing": {"outcome": OUTCOME.replace("fin//deces", "fin//demenagement")},
    "capacity": {"capacity": "[capacity]\nper_review = 99"},
    "repeat": {"capacity": "[capacity]\nrepeat_days = 91"},
    "test": {"validation": "[validation]\ntest_from = 2025-01-01"},
    "windows": {"features": "[features]\nwindows_days = [28]"},
    "measures": {"groups": PARTS["groups"].replace('"count", ', "")},
    "sign": {"groups": PARTS["groups"] + "\nsign = 1"},
    "reason": {"groups": PARTS["groups"].replace("un changement", "le changement")},
    "codes": {"groups": PARTS["groups"].replace('["rdv"]', '["rdv//honore"]')},
    "audit": {"audit": '[audit]\nattributes = ["genre"]'},
    "tolerance": {"audit": "[audit]\ntolerance = 0.2"},
}


def test_the_hash_changes_with_everything_but_the_wordings() -> None:
    hashes = {name: protocol(**parts).hash for name, parts in CHANGES.items()}
    hashes["unchanged"] = protocol().hash
    for (a, one), (b, other) in itertools.combinations(hashes.items(), 2):
        assert one != other, (a, b)

    mended = protocol(groups=PARTS["groups"].replace('wording = "rendez-vous"', 'wording = "rdv"'))
    assert mended.hash == hashes["unchanged"] and mended != protocol()


def test_english_wordings_leave_the_hash_as_it_was() -> None:
    plain = protocol(groups=group())
    spoken = protocol(groups=group(wording_en='"visit|visits"'))
    other = protocol(groups=group(wording_en='"call at home|calls at home"'))
    assert plain.hash == spoken.hash == other.hash
    assert plain != spoken != other
    # The models that were approved before there was any English.
    assert protocol().hash == HASH_BEFORE_ENGLISH


def test_the_hash_does_not_see_layout_comments_or_defaults_written_out() -> None:
    same = protocol(
        head='# pour le comité\npurpose = "prevention"\n\nname   = "essai"',
        cadence="[cadence]\nevery_days = 28\nstart = 1970-01-05",
        audit="[audit]\ntolerance = 0.100",
    )
    assert same.hash == protocol().hash


def test_every_feature_of_a_protocol_carries_its_reason() -> None:
    features = catalogue(read_protocol(SHIPPED))
    assert all(f.reason.strip() and f.wording.strip() for f in features)
    assert len({f.name for f in features}) == len(features)
