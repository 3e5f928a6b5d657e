"""One audit from settings to report: read and check everything, load the models, measure, judge."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compositional_rerank._validation import SHIPPED
from compositional_rerank.audit import latency, near_misses, nli, retrieval
from compositional_rerank.audit.answers import NATURAL_SUITE
from compositional_rerank.audit.cache import EmbeddingCache, default_folder
from compositional_rerank.audit.formats import ContrastSet, NearMissSet, RetrievalSet
from compositional_rerank.audit.gate import GateLine, check_limits, judge
from compositional_rerank.audit.metrics import check_measures
from compositional_rerank.audit.sources import (
    find_answers,
    find_beir,
    find_contrast,
    find_nli,
    find_pairs,
    find_suite,
    find_triples,
)
from compositional_rerank.audit.systems import Systems, load_systems
from compositional_rerank.errors import DataError, InputError
from compositional_rerank.scoring.policy import NearMisses, Order, Policy, Threshold

SOURCES = ("beir", "pairs", "triples", "contrast", "answers", "nli")  # settings that name data


@dataclass(frozen=True)
class AuditSettings:
    """What to audit and how.

    Attributes:
        model: model or checkpoint of both stages; None is the shipped default.
        encoder: another encoder than the model's.
        verifier: another verifier than the model's.
        against: a second embedding model, compared with `cosine`; None: `model` at a sensitivity above 0.
        cross_encoder: a sentence-transformers CrossEncoder.
        sensitivity: weight of stage one's structural part in `against`, in [0, 1]; `cosine` is without.
        beir: BEIR folders or hub names, `DIR[:split]`.
        pairs: pair files or hub names.
        triples: triple files or hub names.
        contrast: contrast files or hub names.
        answers: files or hub names of queries with answers and near-misses.
        nli: files or hub names of premises and hypotheses.
        suite: name of a shipped suite. It is `natural` where no data is named at all.
        depth: documents that are reranked for a query, at least 1.
        order: whose order `two_stage` ranks in: ``"auto"``, ``"retriever"``, ``"mix"`` or ``"relevance"``.
        near_misses: what `two_stage` does with them: ``"demote"``, ``"penalise"``, ``"drop"`` or ``"mark"``.
        threshold: mismatch from which a text is one, in [0, 1]; ``"shipped"`` is the model's own.
        limit_queries: random sample of this many queries of each collection; None is all.
        seed: seed of samples, intervals and tests.
        device: torch device name; None picks an accelerator where there is one.
        backend: what computes stage two, ``"torch"`` or ``"openvino"``.
        store: folder or address of a store for the passages' token vectors; None keeps them in memory.
        cache: folder for embeddings; None is the user's cache folder.
        max_recall_drop: gate; largest allowed loss of nDCG@10 and recall@100, in [0, 1].
        min_rejection: gate; smallest allowed share of rejected near-misses, in [0, 1].
    """

    model: str | None = None
    encoder: str | None = None
    verifier: str | None = None
    against: str | None = None
    cross_encoder: str | None = None
    sensitivity: float | None = None
    beir: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    triples: tuple[str, ...] = ()
    contrast: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    nli: tuple[str, ...] = ()
    suite: str | None = None
    depth: int = 100
    order: Order = "auto"
    near_misses: NearMisses = "demote"
    threshold: Threshold = SHIPPED
    limit_queries: int | None = None
    seed: int = 0
    device: str | None = None
    backend: str = "torch"
    store: Path | str | None = None
    cache: Path | None = None
    max_recall_drop: float | None = None
    min_rejection: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("depth", self.depth), ("limit_queries", self.limit_queries)):
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}; it has to be at least 1")
        if self.encoder == "none":
            raise InputError("encoder is 'none', and an audit compares rankings by vectors: name an encoder")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; it has to be at least 0")
        self.policy()

    def policy(self) -> Policy:
        """How `two_stage` ranks.

        Raises:
            InputError: a value is unknown or out of range.
        """
        return Policy(self.order, self.near_misses, self.threshold)


@dataclass(frozen=True)
class AuditData:
    """Everything an audit reads, checked."""

    collections: tuple[RetrievalSet, ...]
    near_misses: tuple[NearMissSet, ...]
    nli: tuple[nli.NliSet, ...]


@dataclass(frozen=True)
class AuditResult:
    """A finished audit.

    Attributes:
        report: what `audit.json` holds; plain dicts, lists, numbers, strings and None.
        gate: lines of the gate; empty where no limit was given.
        scores: set name -> scores of the set, for plots.
    """

    report: dict[str, Any]
    gate: tuple[GateLine, ...] = ()
    scores: dict[str, near_misses.NearMissResult] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether every line of the gate passed."""
        return all(line.passed for line in self.gate)


def read_data(settings: AuditSettings) -> AuditData:
    """Read and check all data of an audit.

    Raises:
        DataError: a file is missing or has a bad line, or two sets have one name.
        InputError: a gate's limit cannot be judged on this data.
        MissingDependencyError: what measures collections is not installed.
    """
    named = any(getattr(settings, name) for name in SOURCES)
    suite = settings.suite or (None if named else NATURAL_SUITE.stem)
    sets: list[NearMissSet] = [] if suite is None else [find_suite(suite)]
    sets += [find_pairs(name) for name in settings.pairs]
    sets += [find_triples(name) for name in settings.triples]
    sets += [find_contrast(name) for name in settings.contrast]
    sets += [find_answers(name) for name in settings.answers]
    inferences = [find_nli(name) for name in settings.nli]
    found = [find_beir(name) for name in settings.beir]
    shared = {name for name, count in Counter(data.name for data, _ in found).items() if count > 1}
    collections = [
        replace(data, name=f"{data.name}:{split}") if data.name in shared else data for data, split in found
    ]
    for group in (collections, sets, inferences):
        _check_names([data.name for data in group])
    if collections:
        check_measures()
    check_limits(
        settings.max_recall_drop,
        settings.min_rejection,
        collections=len(collections),
        near_miss_sets=sum(not isinstance(data, ContrastSet) for data in sets),
    )
    return AuditData(tuple(collections), tuple(sets), tuple(inferences))


def run_audit(settings: AuditSettings, tell: Callable[[str], None] | None = None) -> AuditResult:
    """Run an audit.

    Args:
        settings: what to audit and how.
        tell: called with each of the report's notes before the work starts.

    Raises:
        DataError: bad data; raised before any model is loaded.
        InputError: a setting is out of range.
        ModelNotFoundError: no place has one of the models.
    """
    data = read_data(settings)
    notes = [note for part in data.collections if (note := _unknown(part))]
    cache = EmbeddingCache(settings.cache or default_folder())
    systems = load_systems(
        settings.model,
        cache,
        encoder=settings.encoder,
        verifier=settings.verifier,
        against=settings.against,
        cross_encoder=settings.cross_encoder,
        sensitivity=settings.sensitivity,
        device=settings.device,
        backend=settings.backend,
        store=settings.store,
        policy=settings.policy(),
    )
    if systems.reranker.verifier is None:
        notes.append(
            f"{systems.reranker.name} has no verifier, so that near-misses are not judged: two_stage ranks "
            "collections and lists by --order alone"
        )
    if tell is not None:
        for note in notes:
            tell(note)
    threshold = systems.threshold
    scores = {part.name: near_misses.evaluate(systems, part) for part in data.near_misses}
    inferences = {
        part.name: nli.summarise(part, nli.evaluate(systems, part), settings.seed) for part in data.nli
    }
    results = {
        part.name: retrieval.evaluate(
            systems, part, depth=settings.depth, limit=settings.limit_queries, seed=settings.seed
        )
        for part in data.collections
    }
    seconds = [result.seconds for result in results.values()] or [
        latency.time_texts(systems, (*data.near_misses, *data.nli), settings.depth)
    ]
    report: dict[str, Any] = {
        "model": {"name": systems.reranker.name, "fingerprint": systems.reranker.fingerprint},
        "notes": notes,
        "retrieval": {
            part.name: {
                **retrieval.summarise(results[part.name], settings.seed),
                "unknown": {"documents": part.unknown_documents, "queries": part.unknown_queries},
            }
            for part in data.collections
        },
        "near_misses": {n: near_misses.summarise(r, threshold, settings.seed) for n, r in scores.items()},
        "nli": inferences,
        "latency_ms": latency.in_milliseconds(systems.names, seconds),
        "settings": _settings(settings, systems),
    }
    if systems.against is not None:
        report["against"] = {"name": systems.against.name, "fingerprint": systems.against.fingerprint}
    lines = judge(report, settings.max_recall_drop, settings.min_rejection)
    if settings.max_recall_drop is not None or settings.min_rejection is not None:
        report["gate"] = {"passed": all(line.passed for line in lines), "lines": [asdict(x) for x in lines]}
    return AuditResult(report, tuple(lines), scores)


def _unknown(data: RetrievalSet) -> str | None:
    """What to say of judgements that name what the collection lacks."""
    parts = []
    if data.unknown_documents:
        parts.append(
            f"documents that are not in the corpus, and count as not found: {data.unknown_documents:,}"
        )
    if data.unknown_queries:
        parts.append(f"queries that are not there, and are left out: {data.unknown_queries:,}")
    return f"{data.name}: its judgements name {'; '.join(parts)}" if parts else None


def _check_names(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"two sets are named '{twice[0]}'; rename one of the files or folders")


def _settings(settings: AuditSettings, systems: Systems) -> dict[str, Any]:
    import torch

    chosen = {name: value for name, value in asdict(settings).items() if name != "cache"}
    # Reports are shared: which set it was matters, not where it lay on somebody's machine.
    for name in SOURCES:
        chosen[name] = [Path(place).name if Path(place).is_absolute() else place for place in chosen[name]]
    return {
        **chosen,
        "store": None if settings.store is None else systems.reranker.store.dtype,
        "systems": list(systems.names),
        "threshold": systems.threshold,
        "verifier": systems.reranker.verifier is not None,
        "version": version("compositional-rerank"),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
    }
