"""RFC 6962 to the letter: known answers of its reference implementations, and the definition."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revue.merkle import (
    NotInTree,
    ProofBroken,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    merkle_root,
    node_hash,
)

CT_LEAVES = [
    leaf_hash(bytes.fromhex(content))
    for content in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
"""Known answers of the Certificate Transparency reference implementation, by size."""

CT_INCLUSION = [
    (0, 1, []),
    (0, 8, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (5, 8, ["bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (1, 5, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
]  # fmt: skip
"""Index, size and path, of the same reference implementation."""

CT_CONSISTENCY = [
    (1, 1, []),
    (1, 8, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"]),
    (6, 8, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
    (2, 5, ["5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"]),
    (6, 7, ["0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"]),
]  # fmt: skip
"""Earlier size, later size and proof, of the same reference implementation."""


def root(size: int) -> bytes:
    return bytes.fromhex(CT_ROOTS[size])


@pytest.mark.parametrize("size", range(9))
def test_tree_hash_known_answers(size: int) -> None:
    assert merkle_root(CT_LEAVES[:size]) == root(size)


@pytest.mark.parametrize(("index", "size", "path"), CT_INCLUSION)
def test_inclusion_known_answers(index: int, size: int, path: list[str]) -> None:
    proof = inclusion_proof(CT_LEAVES[:size], index)
    assert [step.hex() for step in proof] == path
    check_inclusion(CT_LEAVES[index], index, size, proof, root(size))


@pytest.mark.parametrize(("earlier", "later", "path"), CT_CONSISTENCY)
def test_consistency_known_answers(earlier: int, later: int, path: list[str]) -> None:
    proof = consistency_proof(CT_LEAVES[:later], earlier)
    assert [step.hex() for step in proof] == path
    check_consistency((earlier, root(earlier)), (later, root(later)), proof)


def test_the_example_of_the_rfc() -> None:
    """RFC 6962 section 2.1.3: seven leaves, with the nodes named there."""
    a, b, c, d, e, f, j = leaves = CT_LEAVES[:7]
    g, h, i = node_hash(a, b), node_hash(c, d), node_hash(e, f)
    k, m = node_hash(g, h), node_hash(i, j)
    assert merkle_root(leaves) == node_hash(k, m)
    assert inclusion_proof(leaves, 0) == (b, h, m)
    assert inclusion_proof(leaves, 3) == (c, g, m)
    assert inclusion_proof(leaves, 4) == (f, j, k)
    assert inclusion_proof(leaves, 6) == (i, k)
    assert consistency_proof(leaves, 3) == (c, d, g, m)
    assert consistency_proof(leaves, 4) == (m,)
    assert consistency_proof(leaves, 6) == (i, j, k)


def rfc6962(leaves: Sequence[bytes]) -> bytes:
    """Hash as RFC 6962 section 2.1 defines it, word for word."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(rfc6962(leaves[:split]), rfc6962(leaves[split:]))


trees = st.lists(st.binary(max_size=4).map(leaf_hash), min_size=1, max_size=70)


@given(trees)
def test_tree_hash_is_the_definition(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == rfc6962(leaves)


def spoilt(proof: Sequence[bytes], data: st.DataObject) -> tuple[bytes, ...]:
    """Change a proof somewhere: a bit, a step less, a step more."""
    steps = list(proof)
    place = data.draw(st.integers(0, len(steps)))
    how = data.draw(st.sampled_from(("flip", "drop", "add") if place < len(steps) else ("add",)))
    if how == "add":
        steps.insert(place, data.draw(st.sampled_from((b"", leaf_hash(b"strange")))))
    elif how == "drop":
        del steps[place]
    else:
        steps[place] = bytes([steps[place][0] ^ 8]) + steps[place][1:]
    return tuple(steps)


@given(trees, st.data())
def test_inclusion_is_proven_and_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    top, proof = merkle_root(leaves), inclusion_proof(leaves, index)
    check_inclusion(leaves[index], index, len(leaves), proof, top)
    with pytest.raises(ProofBroken):
        check_inclusion(leaves[index], index, len(leaves), spoilt(proof, data), top)
    with pytest.raises(ProofBroken):
        check_inclusion(leaf_hash(b"strange"), index, len(leaves), proof, top)
    other = data.draw(st.integers(-1, len(leaves)))
    if other != index and not 0 <= other < len(leaves):
        with pytest.raises(ProofBroken):
            check_inclusion(leaves[index], other, len(leaves), proof, top)


@given(trees, st.data())
def test_consistency_is_proven_and_nothing_else(leaves: list[bytes], data: st.DataObject) -> None:
    earlier = data.draw(st.integers(1, len(leaves)))
    before, after = merkle_root(leaves[:earlier]), merkle_root(leaves)
    proof = consistency_proof(leaves, earlier)
    check_consistency((earlier, before), (len(leaves), after), proof)
    with pytest.raises(ProofBroken):
        check_consistency((earlier, before), (len(leaves), after), spoilt(proof, data))
    with pytest.raises(ProofBroken):
        check_consistency((earlier, leaf_hash(b"fork")), (len(leaves), after), proof)
    with pytest.raises(ProofBroken):
        check_consistency((len(leaves) + 1, before), (len(leaves), after), proof)


def test_what_is_not_there_is_not_proven() -> None:
    for index in (-1, 3):
        with pytest.raises(NotInTree):
            inclusion_proof(CT_LEAVES[:3], index)
    for earlier in (0, 4):
        with pytest.raises(NotInTree):
            consistency_proof(CT_LEAVES[:3], earlier)
    with pytest.raises(ProofBroken):
        check_consistency((3, root(3)), (8, root(8)), ())
