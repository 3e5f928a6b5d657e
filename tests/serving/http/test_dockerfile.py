"""The image cannot be built here; what its file says is held against the project."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest

from compositional_rerank.cli import serve
from compositional_rerank.cli._options import Parser

REPOSITORY = Path(__file__).parents[3]
TEXT = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def words(instruction: str) -> list[str]:
    [found] = re.findall(rf"^{instruction} (\[.*\])$", TEXT, re.MULTILINE)
    return [str(word) for word in json.loads(found)]


def parsed(*more: str) -> argparse.Namespace:
    parser = Parser(prog="compositional-rerank")
    serve.add_parser(parser.add_subparsers(dest="verb", parser_class=Parser))
    args: argparse.Namespace = parser.parse_args([*words("ENTRYPOINT")[1:], *more])
    return args


def test_what_it_starts_is_understood() -> None:
    args = parsed(*words("CMD"))
    assert (args.verb, args.host, args.port, args.store) == ("serve", "0.0.0.0", 8080, Path("/store"))
    assert parsed("--workers", "2", "--backend", "openvino").workers == 2
    assert "EXPOSE 8080" in TEXT


def test_what_it_copies_and_installs_is_there() -> None:
    allowed = (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").split()
    for sources in re.findall(r"^COPY (.*) \S+$", TEXT, re.MULTILINE):
        for source in sources.split():
            assert (REPOSITORY / source).exists()
            assert f"!{source}" in allowed
    extras = re.search(r"'\.\[(.*)\]'", TEXT)[1].split(",")  # type: ignore[index]
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11")
    known = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert set(extras) <= set(known["optional-dependencies"])
