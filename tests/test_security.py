"""What SECURITY.md promises: no code of a model runs, nothing dangerous is called, no name is a path."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank import CompositionalReranker, StructuralEmbedder
from compositional_rerank.cli import main
from compositional_rerank.errors import CompositionalRerankError

REPOSITORY = Path(__file__).parents[1]
SOURCES = [
    *(REPOSITORY / "src").rglob("*.py"),
    *(path for path in (REPOSITORY / "integrations").rglob("*.py") if "tests" not in path.parts),
]
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "marshal.loads", "shelve.open",
    "dill.loads", "joblib.load", "yaml.load", "yaml.unsafe_load", "os.system", "os.popen", "torch.load",
    "torch.hub.load", "numpy.load",
}  # fmt: skip


def dangers(source: str) -> Iterator[str]:
    """Calls that could run what others wrote, and options that would let a library do so."""
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update({alias.asname or alias.name: alias.name for alias in node.names})
        elif isinstance(node, ast.ImportFrom):
            names.update({one.asname or one.name: f"{node.module}.{one.name}" for one in node.names})
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        options = {one.arg: ast.unparse(one.value) for one in node.keywords}
        first, dot, rest = ast.unparse(node.func).partition(".")
        name = names.get(first, first) + dot + rest
        safe = name == "torch.load" and options.get("weights_only") == "True"
        if name in FORBIDDEN and not safe:
            yield name
        yield from sorted({"trust_remote_code", "allow_pickle"} & options.keys())
        if options.get("shell") == "True" or options.get("use_safetensors") == "False":
            yield f"{name}({options})"


def test_nothing_is_called_that_runs_what_others_wrote() -> None:
    assert len(SOURCES) > 100
    found = {path.name: names for path in SOURCES if (names := list(dangers(path.read_text("utf-8"))))}
    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "from pickle import loads as read; read(b'')",
        "import torch; torch.load(file)",
        "import numpy as np; np.load(file)",
        "Model.from_pretrained(name, trust_remote_code=True)",
        "import subprocess; subprocess.run(command, shell=True)",
    ],
)
def test_a_danger_would_be_found(source: str) -> None:
    assert list(dangers(source))


HOOKED = ("config.json", "tokenizer_config.json", "sentence_bert_config.json", "modules.json")


@pytest.mark.parametrize("hooked", HOOKED)
@pytest.mark.parametrize("kind", [CompositionalReranker, StructuralEmbedder])
def test_code_in_a_models_folder_does_not_run(
    linked_model: Path, tmp_path: Path, kind: Any, hooked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nclass Own:\n    def __init__(self, *args, **options): pass\n"
    for name in ("own.py", "configuration_own.py", "modeling_own.py"):
        (linked_model / name).write_text(code)
    file = linked_model / hooked
    content = json.loads(file.read_text())
    if isinstance(content, list):
        content.append({"idx": len(content), "name": "own", "path": "", "type": "own.Own"})
    else:
        names = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoProcessor")
        content |= {"auto_map": dict.fromkeys(names, "own.Own"), "custom_code": True}
    file.unlink()  # a link
    file.write_text(json.dumps(content))
    monkeypatch.chdir(linked_model)
    with suppress(CompositionalRerankError):  # it may refuse; it may not run it
        kind.from_pretrained(linked_model, device="cpu")
    assert not ran.exists()


def test_a_token_is_in_no_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    secret = "hf_" + "s3cr3t" * 5  # pragma: allowlist secret
    monkeypatch.setenv("HF_TOKEN", secret)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (tmp_path / "a.txt").write_text("Rome")
    store = str(tmp_path / "store")
    assert main(["warm", "--store", store, "--model", "nobody/nothing", str(tmp_path / "a.txt")]) == 2
    captured = capsys.readouterr()
    assert "nobody/nothing" in captured.err
    assert secret not in captured.err + captured.out
    assert secret not in json.dumps(CompositionalReranker("nobody/nothing").settings)


def test_names_in_a_corpus_are_no_paths(
    tmp_path: Path, reranker: CompositionalReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CompositionalReranker, "from_pretrained", lambda *_, **__: reranker)
    place = tmp_path / "deep" / "in"
    place.mkdir(parents=True)
    rows = [{"text": f"Text {name}", "id": name} for name in ("../../out", "/tmp/out", "~/out", "a\x00b")]
    (place / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    before = sorted(tmp_path.rglob("*"))
    assert main(["rerank", "--query", "Text", "--format", "json", str(place / "a.jsonl")]) == 0
    assert sorted(tmp_path.rglob("*")) == before
