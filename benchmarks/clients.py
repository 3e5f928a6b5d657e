"""Do other projects' clients get from a running service the order and the scores of this process?

    make clients        # sets .venv-clients up, with the clients and without this library

writes benchmarks/results/clients.json: for each client the lists in the same order, the largest difference of
a score, what it raises for a wrong key and a blank query, and whether that says why. Exit code 1 where an
order or a score differs.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from common import Texts, arguments, report
from service import running

from compositional_rerank import CompositionalReranker

KEY = "a-key"
PYTHON = Path(__file__).resolve().parents[1] / ".venv-clients/bin/python"
CALLS = Path(__file__).with_name("client_calls.py")
PASSAGES, TOKENS = 10, 48
CLOSE = 1e-4  # another batch adds the same numbers in another order


def main() -> int:
    """Start a service, let the clients ask it, compare."""
    args = arguments("clients", __doc__)
    texts = Texts()
    lists = [texts.candidates(number, PASSAGES, TOKENS) for number in range(2 if args.short else 10)]
    reranker = CompositionalReranker.from_pretrained(device="cpu")
    expected = [[(one.index, one.score) for one in reranker.rerank(*asked)] for asked in lists]
    with tempfile.TemporaryDirectory() as name:
        keys = Path(name) / "keys"
        keys.write_text(KEY)
        with running(Path(name), "--api-keys", str(keys)) as (url, _):
            asked = json.dumps({"url": url, "key": KEY, "lists": lists})
            done = subprocess.run([PYTHON, CALLS], input=asked, stdout=subprocess.PIPE, text=True, check=True)
    clients = {}
    for client, answer in json.loads(done.stdout).items():
        pairs = list(zip(answer["found"], expected, strict=True))
        same = [[at for at, _ in found] == [at for at, _ in wanted] for found, wanted in pairs]
        differences = [
            abs(score - dict(wanted)[at]) for found, wanted in pairs for at, score in map(tuple, found)
        ]
        clients[client] = {
            "version": answer["version"],
            "lists": len(lists),
            "in_the_same_order": sum(same),
            "largest_difference_of_a_score": float(f"{max(differences):.1g}"),
            "refused": {
                why: {"raises": kind, "says_why": why.split()[-1] in said}
                for why, (kind, said) in answer["refused"].items()
            },
        }
    report("clients", args, {"unit": "score", "passages": PASSAGES, "clients": clients})
    good = all(
        one["in_the_same_order"] == len(lists) and one["largest_difference_of_a_score"] <= CLOSE
        for one in clients.values()
    )
    return int(not good)


if __name__ == "__main__":
    raise SystemExit(main())
