from __future__ import annotations

import pytest

from revue.offers import OFFERS, UnknownOffer, offer


def test_the_closed_list() -> None:
    assert len(OFFERS) == len({offer.id for offer in OFFERS}) == 18
    assert all(offer.theme is None or "--" in offer.theme for offer in OFFERS)


@pytest.mark.safeguard
def test_s03_only_help_is_offered() -> None:
    with pytest.raises(UnknownOffer):
        offer("suspend_aid")
    kept_out = {
        "sante--addictions",
        "sante--sante-mentale",
        "famille--surmonter-conflits-separation-violence",
    }
    assert not kept_out & {offer.theme for offer in OFFERS}


def test_lookup() -> None:
    assert offer("trajet").label == "Financer un trajet"
