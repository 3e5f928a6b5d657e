"""FileStore under crashes, full disks, other users and several processes: all of them real."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compositional_rerank.errors import StoreError
from compositional_rerank.store import FileStore, folder

Python = Callable[..., "subprocess.Popen[str]"]


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed, when it has ended well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def test_four_processes_write_at_once_and_lose_nothing(tmp_path: Path, kit: Any, python: Python) -> None:
    code = """
store = FileStore(sys.argv[1])
for step in range(30):
    name = f"{sys.argv[2]}.{step}"
    store.put({kit.key(name): kit.entry(1 + step % 5, step), kit.key("all"): kit.entry(3, step)})
    assert kit.same(store.get([kit.key(name)])[0], kit.entry(1 + step % 5, step))
    if step % 10 == 9:
        store.compact()
"""
    for process in [python(code, tmp_path, worker) for worker in range(4)]:
        ended(process)
    store = FileStore(tmp_path)
    assert len(store) == 4 * 30 + 1
    for worker in range(4):
        found = store.get([kit.key(f"{worker}.{step}") for step in range(30)])
        assert all(kit.same(entry, kit.entry(1 + step % 5, step)) for step, entry in enumerate(found))


def test_a_killed_writer_loses_nothing_that_was_acknowledged(
    tmp_path: Path, kit: Any, python: Python
) -> None:
    code = """
store = FileStore(sys.argv[1])
for step in range(10**6):
    store.put({kit.key(step): kit.entry(200, step, dimension=64)})
    print(step, flush=True)
"""
    step = -1
    for kill_after in (1, 7, 20):
        process = python(code, tmp_path)
        assert process.stdout is not None
        for _ in range(kill_after):
            step = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        step = max([step, *map(int, process.communicate()[0].split())])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = FileStore(tmp_path).get([kit.key(number) for number in range(step + 1)])
        assert all(
            kit.same(entry, kit.entry(200, number, dimension=64)) for number, entry in enumerate(found)
        )


def test_a_full_disk_keeps_what_was_there_and_nothing_half(tmp_path: Path, kit: Any) -> None:
    store = FileStore(tmp_path / "store")
    store.put({kit.key(0): kit.entry(100)})
    sizes = {file.name: file.stat().st_size for file in store.path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = max(sizes.values()) + 1000  # what EFBIG stands for: the write that does not fit
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(StoreError, match=r"none of these 5 passages was kept.*free some space"):
            store.put({kit.key(index): kit.entry(100, index) for index in range(5)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name: file.stat().st_size for file in store.path.iterdir()} == sizes
    assert [entry is not None for entry in store.get([kit.key(0), kit.key(1)])] == [True, False]
    store.put({kit.key(1): kit.entry(100, 1)})
    assert kit.same(FileStore(store.path).get([kit.key(1)])[0], kit.entry(100, 1))


def test_a_compaction_that_finds_no_room_leaves_the_store_as_it_was(tmp_path: Path, kit: Any) -> None:
    store = FileStore(tmp_path)
    store.put({kit.key(index): kit.entry(100, index) for index in range(5)})
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard))
    try:
        with pytest.raises(StoreError, match="not compacted"):
            store.compact()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    store.compact()
    assert len(store) == 5


def test_a_compaction_that_was_killed_leaves_the_store_as_it_was(
    tmp_path: Path, kit: Any, python: Python
) -> None:
    store = FileStore(tmp_path)
    store.put({kit.key(0): kit.entry()})
    code = """
import os
from compositional_rerank.store.folder import Folder
Folder.write_meta = lambda *_: os.kill(os.getpid(), 9)  # just before the new files count
FileStore(sys.argv[1]).compact()
"""
    process = python(code, tmp_path)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert kit.same(FileStore(tmp_path).get([kit.key(0)])[0], kit.entry())
    store.put({kit.key(1): kit.entry(seed=1)})
    assert (tmp_path / "vectors-2.bin").exists()
    store.compact()
    assert sorted(file.name for file in tmp_path.glob("*.bin")) == ["index-2.bin", "vectors-2.bin"]
    assert [entry is not None for entry in store.get([kit.key(0), kit.key(1)])] == [True, True]


def test_a_reader_follows_a_compaction_of_another_process(tmp_path: Path, kit: Any, python: Python) -> None:
    store = FileStore(tmp_path)
    store.put({kit.key(index): kit.entry(seed=index) for index in range(4)})
    ended(
        python(
            "store = FileStore(sys.argv[1]); store.put({kit.key(9): kit.entry()}); store.compact()", tmp_path
        )
    )
    found = store.get([kit.key(3), kit.key(9)])
    assert kit.same(found[0], kit.entry(seed=3))
    assert kit.same(found[1], kit.entry())


def test_a_writer_waits_for_another_and_says_so_in_the_end(
    tmp_path: Path, kit: Any, python: Python, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    code = """
import fcntl, time
lock = open(sys.argv[1] + "/lock", "r+")
fcntl.flock(lock, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(600)
"""
    process = python(code, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    monkeypatch.setattr(folder, "LOCK_SECONDS", 0.2)
    with pytest.raises(StoreError, match="locked by another writer"):
        store.put({kit.key(0): kit.entry()})
    assert store.get([kit.key(0)]) == [None]  # reading waits for nobody
    monkeypatch.setattr(folder, "LOCK_SECONDS", 60.0)
    process.kill()  # the lock goes with its process
    process.communicate()
    store.put({kit.key(0): kit.entry()})
    assert len(store) == 1


def test_a_child_process_shares_the_store_of_its_parent(tmp_path: Path, kit: Any, python: Python) -> None:
    code = """
import os
store = FileStore(sys.argv[1])
store.put({kit.key("before"): kit.entry()})
child = os.fork()
name = "child" if child == 0 else "parent"
for step in range(20):
    store.put({kit.key(f"{name}{step}"): kit.entry(seed=step)})
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(len(store))
"""
    assert ended(python(code, tmp_path)) == "41\n"


@pytest.mark.skipif(os.getuid() != 0, reason="root can become another user")
def test_a_folder_of_another_user_is_read_only(tmp_path: Path, kit: Any) -> None:
    path = tmp_path / "store"
    FileStore(path).put({kit.key(0): kit.entry()})
    for above in (tmp_path, *tmp_path.parents):  # lets another user in
        if above == Path(tempfile.gettempdir()):
            break
        above.chmod(0o755)
    process = os.fork()
    if process == 0:
        try:
            os.setuid(65534)
            store = FileStore(path)
            assert store.read_only
            store.put({kit.key(1): kit.entry()})
            assert [entry is not None for entry in store.get([kit.key(0), kit.key(1)])] == [True, False]
            os._exit(0)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
    assert os.waitpid(process, 0)[1] == 0


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, kit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    store = FileStore(tmp_path)

    def flock(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")  # what a network folder without them answers

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StoreError, match=r"file system without locks .* use a local folder"):
        store.put({kit.key(0): kit.entry()})
