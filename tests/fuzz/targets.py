"""What is fuzzed: for each target how its cases are drawn, and what must hold for every one of them.

A check raises for a case that is neither a correct result nor an error of the library's own. test_targets.py
runs a few cases of each, benchmarks/fuzz.py as many as wanted, with hypothesis or with atheris.
"""

from __future__ import annotations

import copy
import json
import math
import tempfile
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker
from compositional_rerank import _validation as validation
from compositional_rerank._terminal import columns, fitted, shown
from compositional_rerank.audit.answers import read_answers
from compositional_rerank.audit.formats import read_beir, read_contrast, read_pairs, read_triples
from compositional_rerank.audit.nli import read_nli
from compositional_rerank.checking.claims import claims_of
from compositional_rerank.checkpoints.config import CONFIG_FILE, CheckpointConfig
from compositional_rerank.checkpoints.locate import locate
from compositional_rerank.cli._options import Parser
from compositional_rerank.cli.warm import add_parser
from compositional_rerank.encoding.sentences import segment_table, sentence_spans
from compositional_rerank.errors import CompositionalRerankError
from compositional_rerank.explaining.markup import escaped
from compositional_rerank.inputs.files import FORMS, read_one, read_passages
from compositional_rerank.scoring.policy import Policy
from compositional_rerank.store import FileStore, MemoryStore
from compositional_rerank.store.index import RECORD, seal
from compositional_rerank.training.rows import text_rows
from compositional_rerank.verification.asks import asks_of

LONGEST = 100_000  # characters of a text
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Target:
    """One thing that is fuzzed.

    Args:
        cases: how a case is drawn.
        check: what must hold for it.
        share: of all cases, relative to the other targets'.
    """

    cases: st.SearchStrategy[Any]
    check: Callable[[Any], None]
    share: int = 10


@contextmanager
def ours() -> Iterator[None]:
    """An error of the library's own is fine, and so is a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(CompositionalRerankError):
            yield


@contextmanager
def folder() -> Iterator[Path]:
    """A new folder, of which nothing stays and out of which nothing leads."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        yield Path(name)


# Texts

_LETTERS = st.characters(codec=None)  # every code point, lone surrogates included
_PIECES = st.sampled_from(
    "Rome . ? ! \n \n\n Is it safe? Yes. [1] **not** | - # ``` > < & ' \" <script> \u202e \u00a0 \u2028 "
    "e\u0301 👩‍👩‍👧 中文 العربية \x00 \x85 Dr. 3.1 . . .".split(" ")
)
texts = st.one_of(
    st.text(_LETTERS, max_size=60),
    st.lists(_PIECES, max_size=40).map(" ".join),
    st.tuples(st.text(_LETTERS, min_size=1, max_size=20), st.integers(1, LONGEST)).map(
        lambda drawn: (drawn[0] * (drawn[1] // len(drawn[0]) + 1))[: drawn[1]]
    ),
)
short = st.one_of(st.text(_LETTERS, max_size=30), st.lists(_PIECES, max_size=12).map(" ".join))


def sentences(text: str) -> None:
    """Sentences lie in order within the text and hold every visible character."""
    spans = sentence_spans(text)
    ends = [0, *(end for span in spans for end in span), len(text)]
    assert ends == sorted(ends)
    gaps = "".join(text[stop:start] for stop, start in zip(ends[::2], ends[1::2], strict=True))
    assert not gaps.strip("\u0085\u2028\u2029\ufeff\u200b").strip()
    words = [(place, place + 1) for place, char in enumerate(text) if not char.isspace()]
    rows = segment_table(text, words)
    assert [token for row in rows for token in range(row[2], row[3])] == list(range(len(words)))


def language(text: str) -> None:
    """Queries and answers of any text: what is asked lies in the query, claims in the answer."""
    for ask in asks_of(text, sentence_spans(text)):
        assert ask.text in text
    stop = 0
    for claim in claims_of(text):
        assert stop <= claim.span[0] <= claim.span[1] <= len(text)
        stop = claim.span[1]


def display(text: str) -> None:
    """Nothing that a terminal or a browser obeys comes through."""
    line = shown(text)
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert columns(fitted(line, 20)) == 20
    page = escaped(text)
    assert not set(page) & set("<>\"'\x00\x1b")
    page.encode()


# Files of passages

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | short,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(short, inner, max_size=4),
    max_leaves=8,
)
_names = st.sampled_from(
    "text id score retrieval_score passage results _id title query answers near_misses silent verdict text1 "
    "text2 same anchor positive negative q1 q2 doc1 doc2 premise hypothesis label edit_type form".split()
)
_values = st.one_of(short, _json, st.lists(st.fixed_dictionaries({"text": short}) | short, max_size=3))
_rows = st.dictionaries(_names | short, _values, max_size=7).map(json.dumps)
_lines = st.one_of(_rows, short, _json.map(json.dumps), st.just("9" * 5000), st.just("[" * 3000))
_content = st.one_of(
    st.binary(max_size=200),
    st.lists(_lines, max_size=6).map("\n".join).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.lists(st.lists(short, max_size=4).map(",".join), max_size=5).map(
        lambda lines: ("id,text,score\n" + "\n".join(lines)).encode("utf-8", "surrogatepass")
    ),
)
_endings = st.sampled_from("txt md jsonl ndjson json csv tsv parquet".split())


def input_file(case: tuple[str, bytes, str]) -> None:
    """Any bytes under any name are passages or an error that names the file."""
    ending, content, form = case
    with folder() as place:
        file = place / f"a.{ending}"
        file.write_bytes(content)
        with ours():
            assert all(type(passage.text) is str for passage in read_passages([str(file)], form))
        with ours():
            assert type(read_one(str(file), "it", "--it")) is str


def input_records(passages: list[tuple[str, Any, Any]]) -> None:
    """Nothing is lost: what is written as JSON lines or as an array is read."""
    records = [{"text": text, "id": name, "score": score} for text, name, score in passages]
    with folder() as place:
        (place / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        (place / "b.json").write_text(json.dumps(records))
        for name in ("a.jsonl", "b.json"):
            found = read_passages([str(place / name)])
            assert [(one.text, one.id) for one in found] == [(text, name) for text, name, _ in passages]
            for one, (*_, score) in zip(found, passages, strict=True):
                assert one.retrieval_score == score or math.isnan(score)


def beir(case: tuple[bytes, bytes, bytes]) -> None:
    """A BEIR folder is read, or refused; its documents can be read again."""
    with folder() as place, ours():
        (place / "qrels").mkdir()
        for name, content in zip(("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"), case, strict=True):
            (place / name).write_bytes(content)
        found = read_beir(place)
        assert len(list(found.documents)) == len(found.document_ids) == len(found.text_starts)
        assert any(grade > 0 for graded in found.qrels.values() for grade in graded.values())


def labelled(content: bytes) -> None:
    """Files of pairs, triples, contrasts, answers, inference and training rows."""
    with folder() as place:
        file = place / "a.jsonl"
        file.write_bytes(content)
        for read in (read_pairs, read_triples, read_contrast, read_answers, read_nli):
            with ours():
                read(file)
        with ours():
            text_rows(file, "text", "query")


_ids = st.lists(st.fixed_dictionaries({"_id": short, "text": short}), max_size=3).map(
    lambda rows: "\n".join(map(json.dumps, rows)).encode()
)
_beir = st.tuples(
    st.one_of(_content, _ids),
    st.one_of(_content, _ids),
    st.one_of(
        _content,
        st.lists(st.tuples(short, short, st.integers().map(str) | short), max_size=4).map(
            lambda rows: "\n".join(map("\t".join, rows)).encode("utf-8", "surrogatepass")
        ),
    ),
)


# Stores

_KIT: Any = run_path(str(Path(__file__).parents[1] / "store" / "conftest.py"))["Kit"]
_FILES = ("meta.json", "index-1.bin", "vectors-1.bin")
_KEYS = [_KIT.key(index) for index in range(6)]


@cache
def _store() -> dict[str, bytes]:
    """The files of a small sound store."""
    with folder() as place:
        FileStore(place).put({key: _KIT.entry(2 + seed, seed) for seed, key in enumerate(_KEYS)})
        return {name: (place / name).read_bytes() for name in _FILES}


_changes = st.lists(
    st.tuples(
        st.sampled_from(_FILES),
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(("flip", "cut", "insert", "zero")),
        st.binary(min_size=1, max_size=60),
    ),
    min_size=1,
    max_size=3,
)
_meta = st.dictionaries(
    st.sampled_from(("dtype", "dimension", "pooled", "generation", "format", "more")),
    st.one_of(_json, st.sampled_from(("int8", "int4", "../../x", 0, 1, 8, -1, 2**63, 1e300))),
)
_forged = st.lists(
    st.tuples(
        st.integers(0, 5), *[st.integers(0, 2**bits - 1) | st.integers(0, 99) for bits in (64, 32, 32)]
    ),
    max_size=4,
)


def store_files(case: tuple[list[tuple[str, float, str, bytes]], dict[str, Any], list[Any]]) -> None:
    """Whatever happens to the files: an entry comes out whole or not at all, and the store goes on."""
    changes, meta, forged = case
    files = {name: bytearray(content) for name, content in _store().items()}
    if meta:
        files["meta.json"] = bytearray(json.dumps({**json.loads(files["meta.json"]), **meta}).encode())
    for name, at, how, some in changes:
        place = int(at * len(files[name]))
        if how == "flip" and files[name]:
            files[name][place] ^= 1 << some[0] % 8
        elif how == "cut":
            del files[name][place:]
        elif how == "insert":
            files[name][place:place] = some
        else:
            files[name][place : place + len(some)] = bytes(len(some))
    records = np.zeros(len(forged), RECORD)
    for record, (key, start, tokens, size) in zip(records, forged, strict=True):
        record["key"] = np.frombuffer(_KEYS[key][:16], "<u8")
        record["start"], record["tokens"], record["size"] = start, tokens, size
    files["index-1.bin"] += seal(records).tobytes()
    with folder() as place, ours():
        for name, content in files.items():
            (place / name).write_bytes(content)
        store = FileStore(place)
        for seed, entry in enumerate(store.get(_KEYS)):
            assert entry is None or _KIT.same(entry, _KIT.entry(2 + seed, seed), store.dtype)
        store.put({_KEYS[0]: _KIT.entry(2, 0)})
        assert _KIT.same(store.get(_KEYS[:1])[0], _KIT.entry(2, 0), store.dtype)  # meta.json may name another
        store.compact()
        assert _KIT.same(FileStore(place).get(_KEYS[:1])[0], _KIT.entry(2, 0), store.dtype)


# Checkpoints

_SHIPPED = Path(validation.__file__).parent / "checkpoints" / "default"


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, one in inner for found in _paths(one, (*path, key)))]


@cache
def _config() -> Any:
    return json.loads((_SHIPPED / CONFIG_FILE).read_text())


@st.composite
def _configs(draw: Draw) -> bytes:
    config = copy.deepcopy(_config())
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(_paths(config)[1:]))
        place = config
        with suppress(KeyError, IndexError, TypeError):
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = draw(
                _json | st.sampled_from(("../../etc/passwd", "/", "~nobody/x", "x" * 5000))
            )
    return json.dumps(config).encode()


def checkpoint(content: bytes) -> None:
    """A config is sound, or it is refused; no file outside of the folder is read."""
    with folder() as place:
        (place / CONFIG_FILE).write_bytes(content)
        for source in _SHIPPED.glob("*.safetensors"):
            (place / source.name).symlink_to(source)
        with ours():
            config = CheckpointConfig.load(place)
            limits = config.verifier
            counts = (limits.max_tokens, limits.window, limits.windows, limits.first, limits.max_verified)
            assert all(type(count) is int for count in counts)
            assert all("/" not in name for name in config.files)


def model_name(name: str) -> None:
    """A name that no place has is not found, whatever it is."""
    with ours():
        locate(f"~no/{name}\x00")
    with folder() as place, ours():
        locate(place / name.replace("/", "_")[:80] / "none")


# Candidate lists and settings

_one = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), short, st.binary(max_size=5), st.builds(object),
    st.just(10**400), st.sampled_from((np.float32(1), np.int8(3), np.str_("a"), np.array(["a"]))),
)  # fmt: skip
_few = st.one_of(_one, st.lists(_one, max_size=4), st.tuples(_one, _one), st.tuples(st.integers(0, 9), _one))
_anything = st.one_of(
    _few, st.lists(_few, max_size=4), st.lists(short, max_size=4), st.dictionaries(short, _one)
)


def arguments(case: list[Any]) -> None:
    """Any object as any argument is taken as it is meant, or refused."""
    one, two, three = case
    passages: list[str] = []
    with ours():
        passages = validation.check_texts(one, "passages")
        assert all(type(text) is str for text in passages)
    with ours():
        assert len(validation.check_retrieval_scores(two, len(passages))) == len(passages)
    with ours():
        for text, span in validation.check_own_text(two, passages):
            assert span is None or 0 <= span[0] <= span[1] <= len(text)
    for check in (
        validation.check_query, validation.check_answer, validation.check_device,
        lambda value: validation.check_backend(value, None), lambda value: validation.check_count(value, "x"),
        lambda value: validation.check_bound(value, "x", 0.0, 1.0), lambda value: MemoryStore(value),
        lambda value: MemoryStore(dtype=value),
        lambda value: validation.check_aligned(value, two, ("a", "b")),
    ):  # fmt: skip
        with ours():
            check(three)
    for name in ("order", "near_misses", "threshold", "denials", "max_verified"):
        with ours():
            Policy(**{name: three})


@cache
def _reranker() -> CompositionalReranker:
    return CompositionalReranker.from_pretrained(device="cpu")


def rerank(case: tuple[str, list[str]]) -> None:
    """Any candidates are ranked by the shipped model: none is lost, numbers are in range, twice the same."""
    query, passages = case
    with ours():
        ranking = _reranker().rerank(query, passages)
        assert sorted(one.index for one in ranking) == list(range(len(passages)))
        for one in ranking:
            assert one.text == passages[one.index]
            assert math.isfinite(one.score)
            assert -1 <= one.relevance <= 1
            assert one.mismatch is None or 0 <= one.mismatch <= 1
            for start, stop in [one.evidence] if one.evidence else []:
                assert 0 <= start < stop <= len(one.text)
        assert _reranker().rerank(query, passages) == ranking
    with ours():
        assert all(
            0 <= one.span[0] <= one.span[1] <= len(query) for one in _reranker().check(query, passages)
        )


@cache
def _parser() -> Parser:
    parser = Parser(prog="fuzz")
    add_parser(parser.add_subparsers(dest="verb", parser_class=Parser))
    return parser


_words = st.one_of(
    short,
    st.sampled_from("--store --input --engine --actors ray 2 -1 -- - = --dtype=int4 --st --sto_re".split()),
)


def command_line(words: list[str]) -> None:
    """Any words are options or an error of one line."""
    with ours():
        _parser().parse_args(["warm", *[word for word in words if word not in ("-h", "--help")]])


TARGETS = {
    "sentences": Target(texts, sentences),
    "language": Target(texts, language),
    "display": Target(texts, display),
    "input-file": Target(st.tuples(_endings, _content, st.sampled_from(FORMS)), input_file),
    "input-records": Target(
        st.lists(st.tuples(texts, st.none() | short | st.integers(), st.floats()), max_size=4), input_records
    ),
    "beir": Target(_beir, beir),
    "labelled": Target(_content, labelled),
    "store": Target(
        st.tuples(_changes | st.just([]), st.just({}) | _meta, st.just([]) | _forged), store_files
    ),
    "checkpoint": Target(st.one_of(_configs(), _content), checkpoint),
    "model-name": Target(texts, model_name, share=2),
    "arguments": Target(st.lists(_anything, min_size=3, max_size=3), arguments),
    "rerank": Target(
        st.tuples(short, st.lists(st.one_of(*[short] * 30, texts), max_size=6)), rerank, share=1
    ),
    "command-line": Target(st.lists(_words, max_size=8), command_line),
}
