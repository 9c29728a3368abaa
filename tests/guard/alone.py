"""Run a command where no other host can be reached, and count who tried.

``python -m tests.guard.alone COMMAND…`` runs inside ``unshare --user --net``: in a network of
its own without a route, every attempt to leave, by whatever library, fails and is counted by the
kernel. The count is the last line of standard error.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def without_route() -> int:
    """Count the packets and connections for which there was no route, as the kernel does."""
    names, values = (
        line.split()
        for line in Path("/proc/self/net/snmp").read_text(encoding="ascii").splitlines()
        if line.startswith("Ip:")
    )
    four = int(dict(zip(names, values, strict=True))["OutNoRoutes"])
    lines = Path("/proc/self/net/snmp6").read_text(encoding="ascii").split()
    return four + int(lines[lines.index("Ip6OutNoRoutes") + 1])


if __name__ == "__main__":
    done = subprocess.run(sys.argv[1:], check=False)  # noqa: S603 - our own command
    print(f"without a route: {without_route()}", file=sys.stderr)
    sys.exit(done.returncode)
