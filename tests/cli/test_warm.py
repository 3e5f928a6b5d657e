"""The verb warm, on the real model; the last tests start, kill and interrupt the real command."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from compositional_rerank import CompositionalReranker, FileStore
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.store import token_key

PASSAGES = ["The soup is cold.", "Paris is closer than Rome.", "Rome lies in Italy."]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "HF_HUB_OFFLINE": "1"}
PROCESS = [sys.executable, "-m", "compositional_rerank", "warm", "--model", DEFAULT_BASE, "--device", "cpu"]


def test_what_is_warmed_from_a_folder_is_what_rerank_reads_from_it(
    command: Any, tmp_path: Path, forwards: list[torch.Size]
) -> None:
    documents, store = tmp_path / "docs", str(tmp_path / "docs" / "store")
    documents.mkdir()
    (documents / "wrapped.txt").write_text("The soup\nis cold.\n\nRome lies in Italy.\n")
    (documents / "notes.md").write_text("# Oslo\n\nOslo lies\nin Norway.\n")
    assert command("warm", "--store", store, str(documents)).out.startswith("4 new passages, 0 known")
    again = command(
        "warm", str(documents / "notes.md"), "--store", store, "--", str(documents / "wrapped.txt")
    )
    assert again.out.startswith("0 new passages, 4 known")
    forwards.clear()
    ranked = command("rerank", "--query", "Italy", "--format", "jsonl", "--store", store, str(documents))
    assert [shape[0] for shape in forwards] == [1]
    texts = {json.loads(line)["text"] for line in ranked.out.splitlines()}
    assert texts == {"The soup\nis cold.", "Rome lies in Italy.", "# Oslo", "Oslo lies\nin Norway."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Passages in every form: 3 distinct ones of a line each, 2 of JSONL of which one is there already."""
    place = tmp_path / "passages"
    (place / "more").mkdir(parents=True)
    (place / "a.txt").write_text("\n\n".join([*PASSAGES, PASSAGES[0]]) + "\n")
    lines = [{"text": "Is it safe?\nYes.", "id": 7}, {"text": PASSAGES[1], "year": 2026}]
    (place / "more" / "b.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (place / "picture.png").write_bytes(b"\xff")
    return place


def test_it_stores_each_passage_once_and_knows_it_again(
    command: Any, folder: Path, tmp_path: Path, forwards: list[torch.Size]
) -> None:
    store = str(tmp_path / "store")
    first = command("warm", "--store", store, str(folder))
    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("4 new passages, 0 known; ")
    assert "passages/s" in first.out
    size = FileStore(store).describe()["bytes"]
    last = first.out.splitlines()[-1]
    assert last.startswith(f"{store}: 4 passages, {size / 1000:.1f} KB, {size / 4:,.0f} bytes each (int8)")
    forwards.clear()
    again = command("warm", "--store", store, str(folder / "a.txt"), "-", stdin="Is it new?\n")
    assert again.out.startswith("1 new passages, 3 known")
    assert [shape[0] for shape in forwards] == [1]


def test_a_rerank_with_the_store_encodes_the_query_alone(
    command: Any, tmp_path: Path, forwards: list[torch.Size]
) -> None:
    stdin, store = "\n".join(PASSAGES), str(tmp_path / "store")
    ask = ("rerank", "--query", "Rome is closer", "--format", "jsonl", "--store")
    unwarmed = command(*ask, str(tmp_path / "other"), stdin=stdin)
    command("warm", "--store", store, stdin=stdin)
    forwards.clear()
    warmed = command(*ask, store, stdin=stdin)
    assert warmed.out == unwarmed.out
    assert [shape[0] for shape in forwards] == [1]


def test_compaction(command: Any, tmp_path: Path) -> None:
    store = tmp_path / "store"
    command("warm", "--store", str(store), "--dtype", "int4", stdin="\n".join(PASSAGES))
    outcome = command("warm", "--store", str(store), "--compact")
    assert outcome.out.startswith("0 B freed\n")
    assert (outcome.code, len(FileStore(store))) == (0, 3)
    file = store / "vectors-2.bin"
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)
    outcome = command("warm", "--store", str(store), "--compact", stdin="ignored")
    assert outcome.out.splitlines()[-1].startswith(f"{store}: 2 passages")


def test_what_is_skipped_is_counted_and_what_failed_is_named(
    command: Any, reranker: CompositionalReranker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = reranker.encoder.encode

    def failing(texts: list[str], **options: Any) -> Any:
        if PASSAGES[2] in texts:
            raise RuntimeError("out of memory\non the device")
        return encode(texts, **options)

    monkeypatch.setattr(reranker.encoder, "encode", failing)
    store = str(tmp_path / "store")
    outcome = command("warm", "--store", store, stdin="\n".join([*PASSAGES, PASSAGES[0]]))
    assert outcome.code == 1
    first, *skipped, last = outcome.out.splitlines()
    assert first.startswith("2 new passages, 0 known; ")
    assert skipped == ["skipped 1 passages: equal to another one", "skipped 1 passages: not encoded"]
    assert last.startswith(f"{store}: 2 passages")
    assert outcome.err == "not encoded: Rome lies in Italy. (RuntimeError: out of memory on the device)\n"


def test_passages_of_others_are_mentioned(command: Any, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    command("warm", "--store", store, stdin="Rome")
    assert "none of these passages is among the 1" in command("warm", "--store", store, stdin="Oslo").err
    assert command("warm", "--store", store, stdin="Rome\nBonn").err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--store"),
        (["--store", "{}/store", "--dtype", "int2"], "dtype 'int2' is unknown"),
        (["--store", "{}/store", "no-such-file"], "no-such-file cannot be read"),
        (["--store", "{}/store", "{}"], "no file in it or below ends in .txt, .md, .jsonl, "),
        (["--store", "{}"], "holds other files"),
        (["--store", "{}/thesis.tex", "{}"], "look swapped, write --store {} {}/thesis.tex"),
        (["--store", "{}/thesis.tex", "new"], "look swapped, write --store new {}/thesis.tex"),
        (["--store", "{}/thesis.tex"], "is a file, and a store is a folder: name its folder, or a new one"),
        (
            ["--store", "{}/store", "--dtyp", "int4", "--comp-act"],
            "unknown option --comp-act, the nearest is --compact",
        ),
        (["--store", "{}/store", "--actors", "2"], "--actors goes with --engine ray: add it"),
        (["--store", "{}/store", "--engine", "spark"], "invalid choice: 'spark'"),
        (["--stor_e", "{}/store", "{}/thesis.tex"], "unknown option --stor_e, the nearest is --store"),
        (["{}/thesis.tex", "--store", "{}/store", "no-such-file"], "no-such-file cannot be read"),
    ],
)
def test_bad_usage_is_one_line(command: Any, tmp_path: Path, arguments: list[str], said: str) -> None:
    (tmp_path / "thesis.tex").write_text("")
    outcome = command("warm", *(place.replace("{}", str(tmp_path)) for place in arguments), stdin="a passage")
    assert (outcome.code, outcome.out) == (2, "")
    assert said.replace("{}", str(tmp_path)) in outcome.err
    assert "delete" not in outcome.err
    assert outcome.err.count("\n") == 1


def test_two_folders_swapped(command: Any, tmp_path: Path) -> None:
    store, documents = tmp_path / "store", tmp_path / "docs"
    documents.mkdir()
    (documents / "a.txt").write_text("Rome")
    command("warm", "--store", str(store), str(documents))
    for verb in (("warm",), ("rerank", "--query", "x")):
        outcome = command(*verb, "--store", str(documents), str(store))
        assert (outcome.code, outcome.out) == (2, "")
        assert (
            f"docs holds no store: the arguments look swapped, write --store {store} {documents}"
            in outcome.err
        )


def test_another_dtype_than_the_stores_is_one_line(command: Any, tmp_path: Path) -> None:
    FileStore(tmp_path / "store")
    outcome = command("warm", "--store", str(tmp_path / "store"), "--dtype", "int4", stdin="a passage")
    assert outcome.code == 2
    assert "has dtype int8, not int4" in outcome.err


def test_nothing_in_makes_an_empty_store(command: Any, tmp_path: Path) -> None:
    outcome = command("warm", "--store", str(tmp_path / "store"), stdin="\n \n")
    assert (outcome.code, outcome.out) == (0, f"{tmp_path / 'store'}: 0 passages, 0 B (int8)\n")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_process_goes_on_where_it_was_stopped(tmp_path: Path, how: signal.Signals) -> None:
    file, store = tmp_path / "many.txt", tmp_path / "store"
    texts = [f"Passage {number} says that {number} is more than {number - 1}." for number in range(3000)]
    file.write_text("\n".join(texts))
    process = subprocess.Popen(
        [*PROCESS, "--store", str(store), str(file)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    while not (store / "meta.json").exists() or len(FileStore(store, read_only=True)) == 0:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(how)
    out, err = process.communicate(timeout=120)
    held = len(FileStore(store))
    assert 0 < held < len(texts)
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert f"stopped with {len(texts) - held:,} passages left: the same command goes on there" in err
        assert out.startswith(f"{store}: {held:,} passages")
    shorter = tmp_path / "some.txt"
    shorter.write_text("\n".join([*texts[:held], *texts[-20:]]))
    done = subprocess.run(
        [*PROCESS, "--store", str(store), str(shorter)],
        capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"20 new passages, {held:,} known")
    reranker = CompositionalReranker.from_pretrained(DEFAULT_BASE, device="cpu", store=store)
    stored = [texts[0], texts[held - 1], texts[-1]]
    keys = [token_key(reranker.encoder.fingerprint, text, "int8") for text in stored]
    assert reranker.store.get(keys).count(None) == 0


def test_process_on_a_full_disk_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "many.txt"
    file.write_text("\n".join(f"Passage {number} is here." for number in range(100)))
    limit = shutil.which("prlimit")
    if limit is None:
        pytest.skip("prlimit is missing")
    done = subprocess.run(
        [limit, "--fsize=20000", *PROCESS, "--store", str(tmp_path / "store"), str(file)],
        capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "none of these 100 passages was kept" in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(FileStore(tmp_path / "store")) == 0
