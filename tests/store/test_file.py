"""FileStore in one process; test_file_processes.py has crashes and other processes."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import shutil
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compositional_rerank import CompositionalReranker, TokenEncoder
from compositional_rerank.checkpoints.base_models import DEFAULT_BASE
from compositional_rerank.errors import InputError, StoreError
from compositional_rerank.store import FileStore
from compositional_rerank.store.index import RECORD, key_words, seal

DTYPES = ["float32", "float16", "int8", "int4", "int3"]


def missing(store: FileStore, keys: list[bytes]) -> list[bool]:
    return [entry is None for entry in store.get(keys)]


@pytest.mark.parametrize("dtype", DTYPES)
def test_real_passages_come_back_in_the_order_asked_for(
    encoder: TokenEncoder, tmp_path: Path, kit: Any, dtype: str
) -> None:
    texts = ["Rome is closer. Paris is not!", "", "naïve café 😀", "word " * 700, "a" + " " * 500 + "b" * 300]
    entries = dict(zip(map(kit.key, texts), encoder.encode(texts, task="document"), strict=True))
    with FileStore(tmp_path / "store", dtype) as store:
        store.put(entries)
        keys = [*reversed(entries), kit.key("none"), *entries]
        for open_store in (store, FileStore(tmp_path / "store")):
            for key, found in zip(keys, open_store.get(keys), strict=True):
                assert (found is None) == (key not in entries)
                assert found is None or kit.same(found, entries[key], dtype)
        assert store.get([]) == []


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_it_keeps_what_a_dict_keeps(tmp_path: Path, kit: Any, data: st.DataObject) -> None:
    folder = tmp_path / "store"
    shutil.rmtree(folder, ignore_errors=True)
    store, expected = FileStore(folder), {}
    for _ in range(data.draw(st.integers(1, 6))):
        step = data.draw(st.sampled_from(["put", "put", "compact", "reopen"]))
        if step == "compact":
            assert store.compact() >= 0
            assert store.nbytes == sum(file.stat().st_size for file in folder.glob("*.bin"))
        elif step == "reopen":
            store = FileStore(folder)
        else:
            names = data.draw(st.lists(st.integers(0, 6), max_size=4))
            entries = {
                kit.key(name): kit.entry(data.draw(st.integers(0, 4)), data.draw(st.integers(0, 9)))
                for name in names
            }
            store.put(entries)
            expected.update(entries)
        keys = [kit.key(name) for name in range(7)]
        for key, found in zip(keys, store.get(keys), strict=True):
            assert kit.same(found, expected[key]) if key in expected else found is None
        assert len(store) == len(expected)


def test_what_came_out_stays_as_it_was(tmp_path: Path, kit: Any) -> None:
    store, entry = FileStore(tmp_path), kit.entry()
    store.put({kit.key(1): entry})
    (found,) = store.get([kit.key(1)])
    store.put({kit.key(1): kit.entry(seed=2)})
    store.compact()
    store.close()
    gc.collect()
    assert kit.same(found, entry)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_are_the_same_on_the_first_query_and_later(
    reranker: CompositionalReranker, tmp_path: Path, dtype: str
) -> None:
    passages = ["Goethe wrote Faust.", "Paris is in France. It is not in Italy.", "", "Rome fell."]
    first = CompositionalReranker.from_parts(reranker.encoder, name="first", store=FileStore(tmp_path, dtype))
    later = CompositionalReranker.from_parts(reranker.encoder, name="later", store=FileStore(tmp_path))
    before = first.rerank("Who wrote Faust?", passages).results
    assert before == first.rerank("Who wrote Faust?", passages).results
    assert before == later.rerank("Who wrote Faust?", passages).results


class TestDamage:
    """A damaged passage is missing, with a warning, and comes back with the next `put`."""

    @pytest.fixture
    def store(self, tmp_path: Path, kit: Any) -> FileStore:
        store = FileStore(tmp_path / "store")
        store.put({kit.key(index): kit.entry(seed=index) for index in range(3)})
        return store

    def test_any_changed_byte_of_a_passage(self, store: FileStore, kit: Any) -> None:
        file = store.path / "vectors-1.bin"
        whole = file.read_bytes()
        size = len(whole) // 3
        for place in range(size, 2 * size):
            content = bytearray(whole)
            content[place] ^= 1 << place % 8
            file.write_bytes(content)
            with pytest.warns(RuntimeWarning, match="1 passages are damaged"):
                found = store.get([kit.key(index) for index in (0, 1, 2)])
            assert kit.same(found[0], kit.entry(seed=0))
            assert found[1] is None
            assert kit.same(found[2], kit.entry(seed=2))

    def test_a_data_file_that_was_cut_off(self, store: FileStore, kit: Any) -> None:
        file = store.path / "vectors-1.bin"
        os.truncate(file, file.stat().st_size - 1)
        keys = [kit.key(index) for index in range(3)]
        with pytest.warns(RuntimeWarning, match="1 passages are damaged"):
            assert missing(store, keys) == [False, False, True]
        store.put({kit.key(2): kit.entry(seed=7)})
        found = store.get(keys)
        assert [kit.same(found[index], kit.entry(seed=seed)) for index, seed in enumerate((0, 1, 7))] == [
            True, True, True
        ]  # fmt: skip

    def test_compaction_leaves_damaged_passages_out(self, store: FileStore, kit: Any) -> None:
        file = store.path / "vectors-1.bin"
        content = bytearray(file.read_bytes())
        content[5] ^= 1
        file.write_bytes(content)
        store.compact()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert missing(store, [kit.key(index) for index in range(3)]) == [True, False, False]
        assert len(store) == 2
        assert sorted(file.name for file in store.path.glob("*.bin")) == ["index-2.bin", "vectors-2.bin"]

    def test_a_damaged_index_record(self, store: FileStore, kit: Any) -> None:
        file = store.path / "index-1.bin"
        content = bytearray(file.read_bytes())
        content[50] ^= 1
        file.write_bytes(content)
        with pytest.warns(RuntimeWarning, match="1 records of its index are damaged"):
            again = FileStore(store.path)
        assert missing(again, [kit.key(index) for index in range(3)]) == [False, True, False]
        again.put({kit.key(1): kit.entry(seed=1)})
        with pytest.warns(RuntimeWarning):
            assert missing(FileStore(store.path), [kit.key(index) for index in range(3)]) == [False] * 3

    @pytest.mark.parametrize("name", ["index-1.bin", "meta.json"])
    def test_any_turned_bit_is_found_out_or_harmless(self, store: FileStore, kit: Any, name: str) -> None:
        file = store.path / name
        whole = file.read_bytes()
        came_out: Counter[str] = Counter()
        for place in range(8 * len(whole)):
            content = bytearray(whole)
            content[place // 8] ^= 1 << place % 8
            file.write_bytes(content)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found = FileStore(store.path).get([kit.key(index) for index in range(3)])
                except StoreError:
                    came_out["refused"] += 1
                    continue
            for index, entry in enumerate(found):
                assert entry is None or kit.same(entry, kit.entry(seed=index))
            came_out["missing" if None in found else "harmless"] += 1
            assert name == "meta.json" or found.count(None) == 1
        assert came_out["refused"] > 100 if name == "meta.json" else came_out["missing"] == 8 * len(whole)

    @pytest.mark.parametrize(
        ("start", "size"), [(1 << 63, 12), ((1 << 63) - (1 << 32), (1 << 32) - 1), (7, 1 << 31)]
    )
    def test_a_record_that_points_out_of_the_file(
        self, store: FileStore, kit: Any, start: int, size: int
    ) -> None:
        record = np.zeros(1, RECORD)
        record["key"] = key_words([kit.key(1)])
        record["start"], record["size"] = start, size
        with (store.path / "index-1.bin").open("ab") as file:
            file.write(seal(record).tobytes())
        keys = [kit.key(index) for index in range(3)]
        with pytest.warns(RuntimeWarning, match="1 passages are damaged"):
            assert missing(store, keys) == [False, True, False]
        store.put({kit.key(1): kit.entry(seed=1)})
        assert missing(store, keys) == [False] * 3
        store.compact()
        for index, found in enumerate(FileStore(store.path).get(keys)):
            assert kit.same(found, kit.entry(seed=index))

    @pytest.mark.parametrize(
        "meta",
        [
            {"dtype": "int9"}, {"dtype": 8}, {"dimension": "8"}, {"dimension": -1}, {"dimension": 1e9},
            {"pooled": True}, {"pooled": 1 << 40}, {"generation": "../../x"}, {"generation": None},
            {"format": 1, "more": 0}, {"format": None}, {"format": "1"}, {"format": -3},
        ],
    )  # fmt: skip
    def test_a_description_that_no_store_writes(self, store: FileStore, meta: dict[str, Any]) -> None:
        place = store.path / "meta.json"
        place.write_text(json.dumps({**json.loads(place.read_text()), **meta}))
        with pytest.raises(StoreError, match=r"meta\.json is damaged .* delete the folder"):
            FileStore(store.path)

    @pytest.mark.parametrize(
        "content", ["[]", "1", "null", '"format"', '{"dtype": "int8"}', '{"fnrmat": 1, "dtype": "int8"}']
    )
    def test_a_description_without_a_format(self, store: FileStore, content: str) -> None:
        (store.path / "meta.json").write_text(content)
        with pytest.raises(StoreError, match=r"meta\.json is damaged .* delete the folder"):
            FileStore(store.path)

    @pytest.mark.parametrize("cut", [1, 47, 48, 49, 100])
    def test_an_unfinished_end_is_overwritten(self, store: FileStore, kit: Any, cut: int) -> None:
        for name in ("index-1.bin", "vectors-1.bin"):
            file = store.path / name
            file.write_bytes(file.read_bytes() + b"\x01" * cut)
        os.truncate(store.path / "index-1.bin", 48 * 3 + cut % 48)
        again = FileStore(store.path)
        assert len(again) == 3
        again.put({kit.key(3): kit.entry(seed=3)})
        keys = [kit.key(index) for index in range(4)]
        for reader in (again, store, FileStore(store.path)):
            for index, found in enumerate(reader.get(keys)):
                assert kit.same(found, kit.entry(seed=index))

    def test_a_damaged_description(self, store: FileStore) -> None:
        (store.path / "meta.json").write_text('{"format": 1')
        with pytest.raises(StoreError, match=r"meta\.json cannot be read"):
            FileStore(store.path)

    @pytest.mark.parametrize(("was", "now"), [("int8", "int4"), ("int8", "float32"), (": 8,", ": 7,")])
    def test_a_description_of_another_layout(self, store: FileStore, kit: Any, was: str, now: str) -> None:
        meta = store.path / "meta.json"
        meta.write_text(meta.read_text().replace(was, now))
        with pytest.warns(RuntimeWarning, match="3 passages are damaged"):
            assert missing(FileStore(store.path), [kit.key(index) for index in range(3)]) == [True] * 3

    def test_a_folder_that_was_removed(self, store: FileStore, kit: Any) -> None:
        shutil.rmtree(store.path)
        with pytest.raises(StoreError, match="is gone"):
            store.get([kit.key(0)])


class TestBadInput:
    def test_a_newer_format(self, tmp_path: Path) -> None:
        FileStore(tmp_path)
        meta = tmp_path / "meta.json"
        meta.write_text(json.dumps({**json.loads(meta.read_text()), "format": 2, "novelty": 1}))
        with pytest.raises(StoreError, match="format 2, this version reads up to 1: upgrade"):
            FileStore(tmp_path)

    def test_another_dtype(self, tmp_path: Path) -> None:
        FileStore(tmp_path, "int4")
        assert FileStore(tmp_path).dtype == "int4"
        with pytest.raises(StoreError, match="has dtype int4, not int8"):
            FileStore(tmp_path, "int8")

    def test_vectors_of_another_dimension(self, tmp_path: Path, kit: Any) -> None:
        store = FileStore(tmp_path)
        store.put({kit.key(1): kit.entry()})
        with pytest.raises(StoreError, match=r"holds token vectors of 8 .* these have 9 .* another folder"):
            store.put({kit.key(2): kit.entry(dimension=9)})
        with pytest.raises(InputError, match="vectors of 8 components"):
            store.put({kit.key(2): kit.entry(), kit.key(3): kit.entry(dimension=9)})
        assert missing(store, [kit.key(1), kit.key(2)]) == [False, True]

    def test_a_folder_with_other_files(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("precious")
        with pytest.raises(StoreError, match=r"holds other files \('thesis.txt'\)"):
            FileStore(tmp_path)
        assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]

    def test_a_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StoreError, match="file"):
            FileStore(tmp_path / "file")

    def test_a_long_passage_is_scored_and_not_kept(
        self, reranker: CompositionalReranker, tmp_path: Path
    ) -> None:
        store = FileStore(tmp_path, max_passage_bytes=20_000)
        own = CompositionalReranker.from_parts(reranker.encoder, name="own", store=store)
        passages = ["Goethe wrote Faust.", "Goethe wrote Faust. " * 50]
        with pytest.warns(UserWarning, match="max_passage_bytes is 20000"):
            first = own.rerank("Who wrote Faust?", passages).results
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert own.rerank("Who wrote Faust?", passages).results == first
        assert len(store) == 1

    @pytest.mark.parametrize("limit", [0, -1, 1.5, True, None, 1 << 32])
    def test_a_limit_out_of_range(self, tmp_path: Path, limit: Any) -> None:
        with pytest.raises(InputError, match="max_passage_bytes"):
            FileStore(tmp_path, max_passage_bytes=limit)

    def test_an_unknown_dtype(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="'int2'"):
            FileStore(tmp_path / "store", "int2")
        assert not (tmp_path / "store").exists()

    def test_a_closed_store(self, tmp_path: Path, kit: Any) -> None:
        with FileStore(tmp_path) as store:
            pass
        with pytest.raises(StoreError, match="closed"):
            store.get([kit.key(1)])
        with pytest.raises(StoreError, match="closed"):
            store.put({kit.key(1): kit.entry()})


def test_read_only_keeps_nothing(tmp_path: Path, kit: Any) -> None:
    with pytest.raises(StoreError, match="holds no token store"):
        FileStore(tmp_path, read_only=True)
    store = FileStore(tmp_path)
    store.put({kit.key(1): kit.entry()})
    reader = FileStore(tmp_path, read_only=True)
    reader.put({kit.key(2): kit.entry()})
    assert missing(reader, [kit.key(1), kit.key(2)]) == [False, True]
    with pytest.raises(StoreError, match="read only"):
        reader.compact()
    store.put({kit.key(2): kit.entry()})
    assert missing(reader, [kit.key(1), kit.key(2)]) == [False, False]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_can_write_while_a_thread_of_its_parent_did(tmp_path: Path, kit: Any) -> None:
    store = FileStore(tmp_path)
    inside, go_on = Event(), Event()

    def write() -> None:
        with store._writing:  # as a thread holds it that waits for the disk
            inside.set()
            go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(write)
        assert inside.wait(60)
        process = multiprocessing.get_context("fork").Process(
            target=lambda: store.put({kit.key(1): kit.entry()})
        )
        process.start()
        process.join(60)
        go_on.set()
        done.result()
    assert process.exitcode == 0
    assert missing(store, [kit.key(1)]) == [False]


def test_it_says_what_it_holds(tmp_path: Path, kit: Any) -> None:
    store = FileStore(tmp_path, "int4")
    assert store.describe()["dimension"] is None
    store.put({kit.key(index): kit.entry() for index in range(3)})
    size = sum(file.stat().st_size for file in tmp_path.glob("*.bin"))
    assert store.describe() == {
        "path": str(tmp_path), "dtype": "int4", "dimension": 8, "passages": 3, "bytes": size,
        "read_only": False,
    }  # fmt: skip


def test_threads_read_write_and_compact_at_once(tmp_path: Path, kit: Any) -> None:
    store = FileStore(tmp_path)
    entries = {kit.key(index): kit.entry(1 + index % 4, index) for index in range(24)}
    keys = list(entries)

    def work(worker: int) -> None:
        for step in range(15):
            mine = [keys[(worker * 5 + step * 3 + more) % len(keys)] for more in range(4)]
            if worker == 0 and step % 5 == 4:
                store.compact()
            store.put({key: entries[key] for key in mine[:2]})
            for key, found in zip(mine, store.get(mine), strict=True):
                assert found is None or kit.same(found, entries[key])
            assert all(found is not None for found in store.get(mine[:2]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert all(kit.same(found, entries[key]) for key, found in zip(keys, store.get(keys), strict=True))


def test_a_home_folder_is_the_users(tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    FileStore("~/vectors").put({kit.key(0): kit.entry()})
    assert len(FileStore(tmp_path / "home" / "vectors")) == 1
    assert not (tmp_path / "~").exists()


def test_the_process_may_change_its_folder(
    tmp_path: Path, kit: Any, reranker: CompositionalReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store, later = FileStore("vectors"), CompositionalReranker(DEFAULT_BASE, device="cpu", store="vectors")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    store.put({kit.key(0): kit.entry()})
    assert missing(store, [kit.key(0)]) == [False]
    assert store.compact() >= 0
    assert later.settings["store"] == str(tmp_path / "vectors")
    assert not any(elsewhere.iterdir())


def test_a_store_deleted_while_serving_costs_time_and_no_answer(
    tmp_path: Path, reranker: CompositionalReranker
) -> None:
    serving = reranker.with_store(FileStore(tmp_path / "store", "float32"))
    expected = serving.rerank("Who wrote Faust?", ["Goethe wrote Faust.", "Paris is in France."])
    shutil.rmtree(tmp_path / "store")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        again = serving.rerank(
            "Who wrote Faust?", ["Goethe wrote Faust.", "A new passage.", "Paris is in France."]
        )
    assert again[0].text == "Goethe wrote Faust."
    assert abs(again[0].score - expected[0].score) < 1e-5
    assert any("store" in str(warning.message) for warning in told)
