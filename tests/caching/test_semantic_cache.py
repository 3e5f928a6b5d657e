"""The plain cache: what it serves, keeps, drops, and what it does when something fails."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from compositional_rerank.caching import CacheGuard, SemanticCache
from compositional_rerank.errors import InputError, StoreError

ASKED = "Is the drug safe for children?"
DENIED = "Is the drug not safe for children?"
LETTERS = "abcdefghij"


def by_letters(texts: list[str]) -> NDArray[np.float64]:
    """A small embedding of the test's own: equal texts are close, and texts of other letters are not."""
    return np.array([[text.lower().count(letter) for letter in LETTERS] + [0.001] for text in texts])


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path, guard: CacheGuard) -> Callable[..., SemanticCache]:
    path = None if request.param == "memory" else tmp_path / "new folder" / "answers.db"
    return lambda **settings: SemanticCache(path, guard=guard, **settings)


def test_the_same_question_is_served_and_the_opposite_is_not(make: Callable[..., SemanticCache]) -> None:
    cache = make()
    cache.put(ASKED, "Yes.")
    for text in (ASKED, f" {ASKED}\n"):
        found = cache.get(text)
        assert found is not None
        assert (found.question, found.answer) == (ASKED, "Yes.")
        assert found.similarity == pytest.approx(1, abs=1e-3)
    assert cache.get(DENIED) is None
    assert cache.get("Which train goes to the airport?") is None
    counts = cache.counts
    assert (counts.hits, counts.guarded, counts.misses) == (2, 1, 1)


def test_behind_a_closer_near_miss_the_same_question_is_found(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters, least_similarity=-1)
    cache.put(DENIED, "No.")
    cache.put(ASKED, "Yes.")
    found = cache.get(f" {ASKED} ")
    assert found is not None
    assert found.answer == "Yes."


def test_scopes_are_apart(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters)
    cache.put("a b c?", "one", scope="first")
    cache.put("a b c?", "two", scope="second")
    assert len(cache) == 2
    assert [cache.get("a b c?", scope=scope) for scope in ("", "third")] == [None, None]
    found = [cache.get("a b c?", scope=scope) for scope in ("first", "second")]
    assert [one.answer for one in found if one is not None] == ["one", "two"]


def test_a_new_answer_replaces_the_old_one(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters)
    cache.put("a b c?", "old")
    cache.put("a b c?", "new")
    found = cache.get("a b c?")
    assert found is not None
    assert found.answer == "new"
    assert len(cache) == 1


def test_an_answer_ends(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters, ttl=0.3)
    cache.put("a b c?", "early")
    time.sleep(0.35)
    assert cache.get("a b c?") is None
    cache.put("d e f?", "late")
    assert len(cache) == 1


def test_the_least_recently_used_are_dropped(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters, max_entries=2)
    cache.put("a?", "1")
    cache.put("b?", "2")
    assert cache.get("a?") is not None
    cache.put("c?", "3")
    assert [cache.get(f"{letter}?") is not None for letter in "abc"] == [True, False, True]


@settings(max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "clear"]), st.sampled_from("abcdef"), st.sampled_from("xy")),
        max_size=40,
    ),
    st.integers(1, 4),
)
def test_it_is_a_bounded_dictionary_of_exact_texts(
    guard_of_module: CacheGuard, steps: list[tuple[str, str, str]], most: int
) -> None:
    cache = SemanticCache(guard=guard_of_module, embed=by_letters, max_entries=most)
    model: dict[tuple[str, str], str] = {}
    for number, (what, letter, scope) in enumerate(steps):
        key = (scope, f"{letter}?")
        if what == "put":
            model.pop(key, None)
            model[key] = str(number)
            cache.put(key[1], str(number), scope=scope)
            for old in list(model)[:-most]:
                del model[old]
        elif what == "get":
            found = cache.get(key[1], scope=scope)
            assert (None if found is None else found.answer) == model.get(key)
            if key in model:
                model[key] = model.pop(key)
        elif letter == "a":
            cache.clear()
            model.clear()
        assert len(cache) == len(model)


@pytest.fixture(scope="module")
def guard_of_module() -> CacheGuard:
    return CacheGuard()


def test_what_is_kept_is_there_at_the_next_start(tmp_path: Path, guard: CacheGuard) -> None:
    with SemanticCache(tmp_path / "answers.db", guard=guard) as cache:
        cache.put(ASKED, "Yes.")
    with SemanticCache(tmp_path / "answers.db", guard=guard) as again:
        found = again.get(ASKED)
        assert found is not None
        assert found.answer == "Yes."
        assert again.get(DENIED) is None


def test_another_embedding_model_embeds_the_file_again(tmp_path: Path, guard: CacheGuard) -> None:
    path = tmp_path / "answers.db"
    with SemanticCache(path, guard=guard, embed=by_letters) as cache:
        cache.put("a b c?", "one")
        cache.put("d e f?", "two", scope="other")
    with SemanticCache(path, guard=guard, embed=lambda texts: by_letters(texts)[:, ::2]) as other:
        found = [other.get("a  b c?"), other.get("d  e f?", scope="other")]
        assert [one.answer for one in found if one is not None] == ["one", "two"]
        assert len(other) == 2


def test_what_was_answered_meanwhile_is_kept_when_a_file_is_embedded_again(
    tmp_path: Path, guard: CacheGuard
) -> None:
    path = tmp_path / "answers.db"
    with SemanticCache(path, guard=guard, embed=by_letters) as cache:
        cache.put("a b c?", "old")
        cache.put("d e f?", "gone")

        def slowly(texts: list[str]) -> NDArray[np.float64]:
            if len(cache) == 2:
                cache.clear()
                cache.put("a b c?", "new")
            return by_letters(texts)[:, ::2]

        with SemanticCache(path, guard=guard, embed=slowly) as other:
            other.get("a  b c?")  # embeds the file again
            found = other.get("a b c?")
            assert found is not None
            assert found.answer == "new"
            assert other.get("d e f?") is None


def test_processes_share_a_file(tmp_path: Path, guard: CacheGuard) -> None:
    path = tmp_path / "answers.db"
    cache = SemanticCache(path, guard=guard, embed=by_letters)
    cache.put("a b?", "ours")
    program = (
        "import sys\n"
        "from compositional_rerank.caching import SemanticCache\n"
        "embed = lambda texts: [[text.count(c) for c in 'abcdefghij'] + [0.001] for text in texts]\n"
        "cache = SemanticCache(sys.argv[1], embed=embed)\n"
        "print(cache.get('a b?').answer)\n"
        "cache.put('c d?', 'theirs')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=300, check=True
    )
    assert done.stdout.strip() == "ours"
    found = cache.get("c d?")
    assert found is not None
    assert found.answer == "theirs"
    SemanticCache(path, guard=guard, embed=by_letters).clear()
    assert cache.get("a b?") is None
    assert len(cache) == 0


def test_processes_may_make_a_file_together(tmp_path: Path, guard: CacheGuard) -> None:
    program = (
        "import sys\n"
        "from compositional_rerank.caching.entries import Entries\n"
        "import numpy as np\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "for number in range(20):\n"
        "    Entries(sys.argv[1], 100, None).add('', f'{sys.argv[2]} {number}', '', np.ones(2), 1.0)\n"
    )
    path = str(tmp_path / "answers.db")
    command = [sys.executable, "-W", "error", "-c", program, path]
    pipe = subprocess.PIPE
    workers = [subprocess.Popen([*command, name], stdin=pipe, stdout=pipe, text=True) for name in "abc"]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.communicate("go\n", timeout=120)
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    assert len(SemanticCache(path, guard=guard)) == 60


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_the_file_anew(tmp_path: Path, guard: CacheGuard) -> None:
    cache = SemanticCache(tmp_path / "answers.db", guard=guard, embed=by_letters)
    cache.put("a b?", "parent")

    def child() -> None:
        cache.put("c d?", "child")
        sys.exit(0 if cache.get("a b?") is not None else 1)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    found = cache.get("c d?")
    assert found is not None
    assert found.answer == "child"


def test_threads_share_a_cache(make: Callable[..., SemanticCache]) -> None:
    cache = make(embed=by_letters)

    def work(number: int) -> bool:
        text = f"{LETTERS[number % 10]} {number}?"
        cache.put(text, str(number))
        cache.get(f" {text}")
        found = cache.get(text)
        return found is not None and found.answer == str(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(100)))
    assert len(cache) == 100


def test_a_file_of_something_else_is_refused(tmp_path: Path, guard: CacheGuard) -> None:
    (tmp_path / "text.db").write_text("not a database, and long enough to be looked at as one" * 40)
    with pytest.raises(StoreError, match=r"text\.db cannot be used as a cache"):
        SemanticCache(tmp_path / "text.db", guard=guard)
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE mine (x)")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="no cache of format 1"):
        SemanticCache(tmp_path / "other.db", guard=guard)
    with pytest.raises(StoreError, match="cannot be used as a cache"):
        SemanticCache(tmp_path, guard=guard)
    for table in ("mine", "answers"):
        file = tmp_path / f"{table}.db"
        other = sqlite3.connect(file)
        other.execute("PRAGMA user_version = 1")  # a number that many programs use
        other.execute(f"CREATE TABLE {table} (x)")
        other.commit()
        other.close()
        before = file.read_bytes()
        with pytest.raises(StoreError, match="no cache of format 1"):
            SemanticCache(file, guard=guard)
        assert file.read_bytes() == before


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, guard: CacheGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cache = SemanticCache("answers.db", guard=guard, embed=by_letters)
    monkeypatch.chdir("/")
    cache.put("a?", "1")
    assert (tmp_path / "answers.db").is_file()


def test_a_failing_embedding_is_a_miss(guard: CacheGuard) -> None:
    def embed(texts: list[str]) -> NDArray[np.float64]:
        raise ConnectionError("the service is down")

    cache = SemanticCache(guard=guard, embed=embed)
    with pytest.warns(RuntimeWarning, match="not kept: ConnectionError: the service is down"):
        cache.put("a?", "1")
    with pytest.warns(RuntimeWarning, match="could not be looked up, a miss: ConnectionError"):
        assert cache.get("a?") is None
    assert cache.counts.misses == 1


def test_an_embedding_of_another_shape_is_named(guard: CacheGuard) -> None:
    cache = SemanticCache(guard=guard, embed=lambda texts: np.ones(3))
    with pytest.warns(RuntimeWarning, match=r"shape \(3,\) for 1 texts"):
        cache.put("a?", "1")


def test_a_file_that_cannot_be_read_is_a_miss(tmp_path: Path, guard: CacheGuard) -> None:
    cache = SemanticCache(tmp_path / "answers.db", guard=guard, embed=by_letters)
    cache.put("a?", "1")
    cache.close()
    with pytest.warns(RuntimeWarning, match="could not be looked up, a miss: ProgrammingError"):
        assert cache.get("a?") is None
    with pytest.warns(RuntimeWarning, match="not kept"):
        cache.put("b?", "2")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"least_similarity": 3}, r"least_similarity must be in \[-1, 1\], got 3"),
        ({"candidates": 0}, "candidates must be at least 1, got 0"),
        ({"max_entries": None}, "max_entries is None"),
        ({"ttl": -1}, "ttl must be in"),
    ],
)
def test_wrong_settings_are_named(guard: CacheGuard, settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SemanticCache(guard=guard, **settings)  # type: ignore[arg-type]


def test_wrong_values_are_named(guard: CacheGuard) -> None:
    cache = SemanticCache(guard=guard, embed=by_letters)
    with pytest.raises(InputError, match="question is blank"):
        cache.put(" ", "1")
    with pytest.raises(InputError, match="answer must be a str, got int"):
        cache.put("a?", 1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="question must be a str"):
        cache.get(None)  # type: ignore[arg-type]
    assert cache.get("") is None
