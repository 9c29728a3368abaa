"""The plain records load nothing: human review reads them without the audit's libraries."""

from __future__ import annotations

import subprocess
import sys


def test_records_import_no_library() -> None:
    code = (
        "import sys, audits.records; "
        "print(sorted({'numpy', 'pandas', 'fairlearn', 'sklearn', 'pandera'} & set(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter, fixed text
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
