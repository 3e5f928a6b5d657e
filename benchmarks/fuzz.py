"""Random and hostile input of every kind: each case must end in a result or in an error of the library's own.

    python benchmarks/fuzz.py                          # 100,000 cases by hypothesis; --short: 2,000
    python benchmarks/fuzz.py store beir               # of some targets only
    python benchmarks/fuzz.py --processes 8            # so many targets at once
    python benchmarks/fuzz.py store --atheris 600      # one target by atheris, guided by coverage, for 600 s

The targets are in tests/fuzz/targets.py. A case that fails is printed as small as it can be made; the exit
code is then 1. atheris is in the extra ``fuzz``. Only ``rerank`` loads the model, and has few of the cases.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from runpy import run_path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
TARGETS: dict[str, Any] = run_path(str(ROOT / "tests" / "fuzz" / "targets.py"))["TARGETS"]


def main() -> int:
    """Run the targets; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)} (all)")
    parser.add_argument("--cases", type=int, help="how many in all (100000)")
    parser.add_argument("--processes", type=int, help="how many targets at once (one for each core)")
    parser.add_argument("--short", action="store_true", help="2,000 cases, and no file unless --out")
    parser.add_argument("--seed", type=int, help="of the cases (a new one, which is printed)")
    parser.add_argument("--atheris", type=int, metavar="SECONDS", help="fuzz one target for so long")
    parser.add_argument("--out", type=Path, help="JSON file to write (benchmarks/results/fuzz.json)")
    args = parser.parse_args()
    names = args.targets or list(TARGETS)
    if strange := sorted(set(names) - set(TARGETS)):
        parser.error(f"no target is called {strange[0]!r}: choose from {', '.join(TARGETS)}")
    if args.atheris is not None:
        if len(names) != 1:
            parser.error("--atheris takes one target: name it")
        return by_coverage(names[0], args.atheris)
    cases = args.cases or (2_000 if args.short else 100_000)
    start = args.seed if args.seed is not None else random.SystemRandom().randrange(2**32)
    shares = sum(TARGETS[name].share for name in names)
    report: dict[str, Any] = {"benchmark": "fuzz", "seed": start, "targets": {}}
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(args.processes or os.cpu_count(), mp_context=fork) as pool:
        wanted = {name: -(-cases * TARGETS[name].share // shares) for name in names}
        runs = {pool.submit(by_chance, name, wanted[name], start): name for name in names}
        for run in as_completed(runs):
            report["targets"][runs[run]] = found = run.result()
            told = f"{found['cases']:7,} cases, {found['seconds']:6.1f} s, {found['failed'] or 'fine'}"
            print(f"{runs[run]:15} {told}", flush=True)
    report["targets"] = {name: report["targets"][name] for name in names}
    report["cases"] = sum(found["cases"] for found in report["targets"].values())
    report["failed"] = [name for name, found in report["targets"].items() if found["failed"]]
    out = args.out or (None if args.short or args.targets else RESULTS / "fuzz.json")
    if out is not None:
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{report['cases']:,} cases, seed {start}: {len(report['failed'])} targets failed")
    return int(bool(report["failed"]))


def by_chance(name: str, wanted: int, start: int) -> dict[str, Any]:
    """So many cases of a target by hypothesis, in runs of at most 1,000; the first failure ends it."""
    target, count, begun, failed = TARGETS[name], Counter[str](), time.monotonic(), ""

    def check(case: Any) -> None:
        count["cases"] += 1
        target.check(case)

    while count["cases"] < wanted and not failed:
        few = settings(
            max_examples=min(1000, wanted - count["cases"]),
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        try:
            seed(start + count["cases"])(few(given(target.cases)(check)))()
        except Exception as error:  # whatever it is, it is what was looked for
            traceback.print_exc()
            failed = f"{type(error).__name__}: {error}"[:300]
    return {
        "cases": count["cases"],
        "seconds": round(time.monotonic() - begun, 1),
        "failed": failed,
    }


def by_coverage(name: str, seconds: int) -> int:
    """One target by atheris, which watches what each case reaches in the library's own modules."""
    import atheris

    target = TARGETS[name]
    few = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    test = few(given(target.cases)(target.check))
    for module in [module for key, module in sys.modules.items() if key.startswith("compositional_rerank.")]:
        for key, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and hasattr(value, "__code__"):
                setattr(module, key, atheris.instrument_func(value))
    atheris.Setup(
        [sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096"], test.hypothesis.fuzz_one_input
    )
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
