"""Does a service keep to its own description, whatever is sent? schemathesis, then bodies of any shape.

    python benchmarks/serve_contract.py            # 10,000 bodies, some minutes
    python benchmarks/serve_contract.py --short

schemathesis reads /openapi.json and sends what it allows and what it does not. Then hypothesis sends JSON of
any shape to every path, and bytes that are none. Exit code 1 where schemathesis finds something, a status is
500 or above, or the process dies. `pip install 'compositional-rerank[bench]'`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import running

KEY = "a-key"
PATHS = (
    "/v1/rerank /v2/rerank /rerank /score /v1/score /v1/embeddings /v1/verify /v1/same_question /v1/check"
).split()
FIELDS = (
    "query documents texts text_1 text_2 top_n return_documents return_text rank_fields denials max_verified "
    "min_score max_mismatch own_text retrieval_scores input model dimensions encoding_format cached new "
    "answer passages"
).split()
# No schema says that two lists have one length, or that a query has a letter which the model knows.
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
"""


def main() -> int:
    """Start a service, send, and say what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="200 bodies, and few examples of schemathesis")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "keys").write_text(KEY)
        (folder / "schemathesis.toml").write_text(CONFIG)
        with running(folder, "--api-keys", str(folder / "keys")) as (url, process):
            found = _schemathesis(folder, url, 10 if args.short else 200)
            broken = _fuzz(url, 200 if args.short else 10_000)
            alive = process.poll() is None and httpx.get(f"{url}/healthz").status_code == 200
    print(json.dumps({"schemathesis": found, "statuses_of_500_and_above": broken, "alive": alive}))
    return int(found != 0 or broken > 0 or not alive)


def _schemathesis(folder: Path, url: str, examples: int) -> int:
    return subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
            *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {KEY}"),
            *("--max-examples", str(examples), "--no-color", "--seed", "0", "--request-timeout", "120"),
        ],
        cwd=folder,
        check=False,
    ).returncode


def _fuzz(url: str, examples: int) -> int:
    """How many of so many bodies were answered by a failure."""
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    )
    likely = st.text() | st.lists(st.text(), max_size=4) | anything
    bodies = st.one_of(
        st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, likely)).map(json.dumps).map(str.encode),
        st.fixed_dictionaries({"query": st.text(), "documents": st.lists(st.text()), "texts": likely})
        .map(json.dumps)
        .map(str.encode),
        anything.map(json.dumps).map(str.encode),
        st.binary(),
    )
    broken = 0
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with httpx.Client(base_url=url, headers=headers, timeout=120) as client:

        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(path=st.sampled_from(PATHS), body=bodies)
        def send(path: str, body: Any) -> None:
            nonlocal broken
            status = client.post(path, content=body).status_code
            if status >= 500:
                broken += 1
                print(status, path, body)

        send()
    return broken


if __name__ == "__main__":
    raise SystemExit(main())
