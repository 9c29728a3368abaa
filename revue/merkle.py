"""The Merkle tree of RFC 6962: its hash, and proofs that anybody can check.

An inclusion proof shows that a leaf stands in a tree, a consistency proof that a tree
continues an earlier one; neither shows any other leaf. Proofs are made as the definition
says and checked by the shorter algorithms of RFC 9162.

References
----------
RFC 6962 section 2.1 (Merkle tree hash, audit path, consistency proof); RFC 9162 sections
2.1.3.2 and 2.1.4.2 (how they are checked).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from features.errors import RebondError

Proof = tuple[bytes, ...]


class NotInTree(RebondError):
    """There is no such leaf, or no such earlier tree, to prove anything of."""


class ProofBroken(RebondError):
    """A proof does not show what it is said to show."""


def leaf_hash(content: bytes) -> bytes:
    """Hash one leaf (RFC 6962: prefix 0x00)."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash an inner node (RFC 6962: prefix 0x01)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def grow(frontier: Sequence[bytes], size: int, leaf: bytes) -> tuple[bytes, ...]:
    """Append a leaf to a tree given by the roots of its complete subtrees.

    Parameters
    ----------
    frontier
        Roots of the maximal complete subtrees, largest first: one for each bit of ``size``.
    size
        Leaves so far.
    leaf
        Hash of the new leaf.

    Returns
    -------
    tuple of bytes
        The frontier of the tree of ``size + 1`` leaves.
    """
    grown = list(frontier)
    while size & 1:  # a carry: two complete subtrees of one size become one
        leaf = node_hash(grown.pop(), leaf)
        size >>= 1
    return (*grown, leaf)


def tree_root(frontier: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of a tree given by its frontier."""
    if not frontier:
        return hashlib.sha256().digest()
    *rest, root = frontier
    for subtree in reversed(rest):
        root = node_hash(subtree, root)
    return root


def merkle_root(leaves: Iterable[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes."""
    frontier: tuple[bytes, ...] = ()
    for size, leaf in enumerate(leaves):
        frontier = grow(frontier, size, leaf)
    return tree_root(frontier)


def inclusion_proof(leaves: Sequence[bytes], index: int) -> Proof:
    """Prove that the tree over ``leaves`` holds the leaf at ``index``.

    Parameters
    ----------
    leaves
        Hashes of all leaves.
    index
        Place of the leaf, from 0.

    Returns
    -------
    tuple of bytes
        The audit path, from the leaf upwards; about ``log2(len(leaves))`` hashes.

    Raises
    ------
    NotInTree
        The tree has no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise NotInTree(f"there is no leaf {index} in a tree of {len(leaves)}.")
    if len(leaves) == 1:
        return ()
    split = _split(len(leaves))
    if index < split:
        return (*inclusion_proof(leaves[:split], index), merkle_root(leaves[split:]))
    return (*inclusion_proof(leaves[split:], index - split), merkle_root(leaves[:split]))


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that the tree of this size and root holds a leaf at ``index``.

    Raises
    ------
    ProofBroken
        It does not, or the proof is of another leaf or another tree.
    """
    if not 0 <= index < size:
        raise ProofBroken(f"there is no leaf {index} in a tree of {size}.")
    place, last, found = index, size - 1, leaf
    for step in proof:
        if not last:
            raise ProofBroken("the inclusion proof is longer than the tree is high.")
        if place & 1 or place == last:
            found = node_hash(step, found)
            place, last = _past_zeros(place, last)
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last or found != root:
        raise ProofBroken(f"the proof does not show leaf {index} in the tree of {size}.")


def consistency_proof(leaves: Sequence[bytes], earlier: int) -> Proof:
    """Prove that the tree over ``leaves`` continues the one over its first ``earlier`` leaves.

    Raises
    ------
    NotInTree
        The earlier tree is empty, or larger.
    """
    if not 0 < earlier <= len(leaves):
        raise NotInTree(f"a tree of {len(leaves)} continues none of {earlier} leaves.")
    return _subproof(leaves, earlier, whole=True)


def check_consistency(
    earlier: tuple[int, bytes], later: tuple[int, bytes], proof: Sequence[bytes]
) -> None:
    """Check that one tree continues another, each given by size and root.

    Raises
    ------
    ProofBroken
        It does not, or the proof is of other trees.
    """
    (first, first_root), (second, second_root) = earlier, later
    if not 0 < first <= second:
        raise ProofBroken(f"a tree of {second} continues none of {first} leaves.")
    if first == second:
        if proof or first_root != second_root:
            raise ProofBroken(f"two trees of {first} leaves differ.")
        return
    if first & (first - 1) == 0:  # the whole earlier tree is one subtree of the later
        proof = (first_root, *proof)
    if not proof:
        raise ProofBroken("the consistency proof is empty.")
    place, last = _past_ones(first - 1, second - 1)
    old = new = proof[0]
    for step in proof[1:]:
        if not last:
            raise ProofBroken("the consistency proof is longer than the tree is high.")
        if place & 1 or place == last:
            old, new = node_hash(step, old), node_hash(step, new)
            place, last = _past_zeros(place, last)
        else:
            new = node_hash(new, step)
        place, last = place >> 1, last >> 1
    if last or old != first_root or new != second_root:
        raise ProofBroken(f"the tree of {second} does not continue the one of {first} leaves.")


def _subproof(leaves: Sequence[bytes], earlier: int, *, whole: bool) -> Proof:
    if earlier == len(leaves):
        return () if whole else (merkle_root(leaves),)
    split = _split(len(leaves))
    if earlier <= split:
        return (*_subproof(leaves[:split], earlier, whole=whole), merkle_root(leaves[split:]))
    return (
        *_subproof(leaves[split:], earlier - split, whole=False),
        merkle_root(leaves[:split]),
    )


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1


def _past_zeros(place: int, last: int) -> tuple[int, int]:
    """Climb while a node has no right sibling."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _past_ones(place: int, last: int) -> tuple[int, int]:
    """Climb while a node is a right child."""
    while place & 1:
        place, last = place >> 1, last >> 1
    return place, last
