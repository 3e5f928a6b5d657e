"""Write the command line's own help texts into docs/reference/command-line.md.

    .venv/bin/python docs/help_page.py            # write
    .venv/bin/python docs/help_page.py --check    # exit code 1 where the page is not what would be written

Other versions of Python lay help out a little differently: use the one of the development set-up.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

from compositional_rerank.cli import VERBS

PAGE = Path(__file__).parent / "reference" / "command-line.md"
MARK = re.compile(r"(<!-- help -->\n).*(<!-- /help -->)", re.DOTALL)


def main() -> int:
    """Write the page, or compare; the exit code."""
    old = PAGE.read_text(encoding="utf-8")
    texts = "\n".join(f"\n## {verb}\n\n```text\n{_help(verb)}\n```" for verb in VERBS)
    new = MARK.sub(lambda found: f"{found[1]}{texts}\n\n{found[2]}", old)
    if "--check" in sys.argv[1:]:
        return int(new != old)
    PAGE.write_text(new, encoding="utf-8")
    return 0


def _help(verb: str) -> str:
    text = subprocess.run(
        [sys.executable, "-m", "compositional_rerank", verb, "--help"],
        env={**os.environ, "COLUMNS": "92", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    return "\n".join(textwrap.fill(line, 92) if len(line) > 115 else line for line in text.splitlines())


if __name__ == "__main__":
    raise SystemExit(main())
