"""Hash files of leaves, a line a leaf, into Merkle trees with pymerkle; run by the peers' Python.

Prints the seconds and the root of each tree.
"""

import sys
import time

from pymerkle import InmemoryTree  # type: ignore[import-not-found]


def main() -> None:
    """Make one tree a file."""
    months = []
    for name in sys.argv[1:]:
        with open(name, "rb") as file:  # noqa: PTH123 - nothing of ours is imported here
            months.append(file.read().splitlines())
    begun = time.perf_counter()
    roots = []
    for leaves in months:
        tree = InmemoryTree(algorithm="sha256")
        for leaf in leaves:
            tree.append_entry(leaf)
        roots.append(tree.get_state().hex())
    print(time.perf_counter() - begun, *roots)


main()
