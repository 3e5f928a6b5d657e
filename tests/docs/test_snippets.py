"""Every ```python block of the README files and of the docs runs, top to bottom, in one process a page."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BLOCK = re.compile(r"^(?P<indent> *)```python\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
# What a module of ours wants at run time, and the extra that brings it.
WANTED = {"compositional_rerank.audit": "ir_measures", "compositional_rerank.training": "datasets"}


def pages() -> list[Path]:
    """Pages with something to run."""
    found = [REPOSITORY / "README.md", *REPOSITORY.glob("integrations/*/README.md")]
    found += (REPOSITORY / "docs").rglob("*.md")
    return sorted(page for page in found if BLOCK.search(page.read_text(encoding="utf-8")))


def code_of(page: Path) -> str:
    """A page's blocks as one program, each on the lines where it stands on the page."""
    text = page.read_text(encoding="utf-8")
    lines = [""] * (text.count("\n") + 1)
    for block in BLOCK.finditer(text):
        first = text.count("\n", 0, block.start("code"))
        for number, line in enumerate(block["code"].splitlines(), first):
            lines[number] = line.removeprefix(block["indent"])
    return "\n".join(lines)


def missing_for(code: str) -> list[str]:
    """Packages that a program imports, or makes ours import, and that are not installed."""
    modules = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(node.module or "")
    modules |= {wanted for ours, wanted in WANTED.items() if any(name.startswith(ours) for name in modules)}
    modules |= {"fcntl"} if re.search(r"\bstore=", code) else set()  # stores on disk need a POSIX system
    return sorted({name for name in modules if not installed(name)})


def installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
    except ValueError:  # imported already, and without a __spec__, as Haystack's lazy modules are
        return True


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_snippets_run(page: Path, tmp_path: Path) -> None:
    code = code_of(page)
    if missing := missing_for(code):
        pytest.skip(f"not installed: {', '.join(missing)}")
    program = tmp_path / "page.py"
    program.write_text(code, encoding="utf-8")
    (tmp_path / "here").mkdir()
    done = subprocess.run(
        [sys.executable, str(program)],
        cwd=tmp_path / "here",
        env={
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "PYTHONUTF8": "1",
            "HAYSTACK_TELEMETRY_ENABLED": "False",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, f"{page}, at the line of the page:\n{done.stderr}"


def test_the_pages_are_found() -> None:
    found = {page.relative_to(REPOSITORY).as_posix() for page in pages()}
    assert {"README.md", "docs/index.md", "docs/guides/langchain.md"} <= found


def test_blocks_are_found_at_their_lines(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A\n\n```python\nx = 1\n```\n\n* b\n\n  ```python\n  x += 1\n\n  x\n  ```\n", encoding="utf-8"
    )
    assert code_of(page).rstrip("\n").split("\n") == ["", "", "", "x = 1", *[""] * 5, "x += 1", "", "x"]
