"""A few cases of everything that is fuzzed; benchmarks/fuzz.py runs as many as wanted."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import pytest
from hypothesis import HealthCheck, given, settings

TARGETS = run_path(str(Path(__file__).with_name("targets.py")))["TARGETS"]


@pytest.mark.parametrize("name", TARGETS)
def test_every_case_is_a_result_or_an_error_of_our_own(name: str) -> None:
    target = TARGETS[name]
    few = settings(max_examples=25, suppress_health_check=list(HealthCheck))
    few(given(target.cases)(target.check))()
