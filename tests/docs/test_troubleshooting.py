"""The messages of the troubleshooting page are those of the source, so that a search for one finds it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/guides/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = [
    found[1]
    for section in re.split(r"^\| message \|.*$", PAGE, flags=re.MULTILINE)[1:]
    for found in re.finditer(r"^\| `(.+?)`(?: \(\d+\))? \|", section, flags=re.MULTILINE)
]


def _template(node: ast.expr) -> str:
    """A string with a gap for each value in it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_template(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


@cache
def _templates() -> str:
    """Every string of the library and its adapters, one a line."""
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "integrations").rglob("*.py")]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in files if "tests" not in file.parts]
    found = [_template(node) for tree in trees for node in ast.walk(tree) if isinstance(node, ast.expr)]
    return "\n".join(re.sub(r"%[sd]", "…", text).replace("\n", " ") for text in found)


def test_there_are_messages() -> None:
    assert len(MESSAGES) > 50


@pytest.mark.parametrize("message", MESSAGES)
def test_the_source_has_the_message(message: str) -> None:
    parts = [re.escape(part) for part in message.split("…") if part.strip()]
    assert re.search("[^\n]*".join(parts), _templates()), message
