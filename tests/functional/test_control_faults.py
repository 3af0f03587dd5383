"""A control service whose disk, memory of it, or files fail: a real process each.

What was answered 201 is there afterwards; what cannot be stored is refused in words;
nothing needs a restart once the fault is over.
"""

import http.client
import json
import os
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from flocker.testing.certificates import a_cluster
from tests.functional.control_service import (
    PORT,
    PROGRAM,
    Control,
    furnish,
    running,
    until,
)

DATASETS = "/v1/configuration/datasets"
STORE = "configuration.sqlite"
SOURCE = Path(__file__).with_name("faulty_disk.c")
NODE = str(UUID("5d7a0000-0000-4000-8000-00000000000a"))
CLIENTS = 4

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cluster's certificates."""
    return furnish(tmp_path_factory.mktemp("etc") / "flocker", a_cluster())


@pytest.fixture(scope="module")
def bad_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that makes a disk fail, or forget."""
    if shutil.which("gcc") is None:
        pytest.skip("gcc is missing")
    library = tmp_path_factory.mktemp("lib") / "faulty_disk.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"]
    subprocess.run(command, check=True)
    return library


def post(control: Control, dataset: str | None = None, **more: object):
    """Ask for a dataset."""
    body = {"primary": NODE, "dataset_id": dataset or str(uuid4()), **more}
    return control.ask("POST", DATASETS, body)


def stored(control: Control) -> set[str]:
    """The datasets that the service has."""
    return {each["dataset_id"] for each in control.ask("GET", DATASETS).body}


def burst(control: Control, answered: set[str]) -> None:
    """Post over one connection until it breaks; note what was answered 201."""
    connection = http.client.HTTPSConnection(
        "127.0.0.1", control.port("rest"), timeout=60, context=control.tls("user")
    )
    headers = {"Content-Type": "application/json"}
    with closing(connection):
        while True:
            body = json.dumps({"primary": NODE, "dataset_id": str(uuid4())})
            try:
                connection.request("POST", DATASETS, body, headers)
                with connection.getresponse() as response:
                    created = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError):
                return
            if response.status == 201:
                answered.add(created["dataset_id"])


def burst_until(control: Control, end: Callable[[], None]) -> set[str]:
    """Post over several connections until `end` has ended the service."""
    answered: set[str] = set()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in range(CLIENTS):
            pool.submit(burst, control, answered)
        until(lambda: len(answered) > 100, "a hundred answers")
        end()
    return answered


def test_killed_in_a_burst(tmp_path: Path, certificates: Path) -> None:
    """What was answered 201 before a kill -9 is there after a restart."""
    data = tmp_path / "data"
    with running(data, certificates) as control:
        answered = burst_until(control, control.process.kill)
    with running(data, certificates) as control:
        found = stored(control)
        # At most one request a connection was under way.
        assert answered <= found
        assert len(found) <= len(answered) + CLIENTS
        assert post(control).code == 201


def after_power_cut(data: Path) -> None:
    """Let the directory be what was synced of it; all else is lost."""
    synced = data.with_name(f"{data.name}.synced")
    shutil.rmtree(data)
    data.mkdir(mode=0o700)
    for line in (synced / "names").read_text().splitlines():
        inode, name = line.split(" ", 1)
        content = synced / f"inode-{inode}"
        (data / name).write_bytes(content.read_bytes() if content.exists() else b"")
        (data / name).chmod(0o600)


def forgetting(data: Path, library: Path) -> dict[str, str]:
    """The environment of a process whose power will be cut."""
    data.with_name(f"{data.name}.synced").mkdir()
    return {"LD_PRELOAD": str(library), "FAULTY_DISK": str(data)}


def test_power_cut(tmp_path: Path, certificates: Path, bad_disk: Path) -> None:
    """What was answered 201 was synced: it is there after a power cut."""
    data = tmp_path / "data"
    environment = forgetting(data, bad_disk)
    with running(data, certificates, environment=environment) as control:
        answered = burst_until(control, control.process.kill)
    after_power_cut(data)
    with running(data, certificates) as control:
        assert answered <= stored(control)


def test_rig_of_the_power_cut(tmp_path: Path, bad_disk: Path) -> None:
    """A store that does not sync loses by the same cut what it had committed."""
    data = tmp_path / "data"
    script = """
import os, sqlite3, sys
def numbers(sync):
    store = sqlite3.connect(sys.argv[1] + "/store", isolation_level=None)
    store.execute("PRAGMA journal_mode = WAL")
    store.execute("PRAGMA synchronous = " + sync)
    return store
store = numbers("FULL")
store.execute("CREATE TABLE numbers (number)")
store.execute("INSERT INTO numbers VALUES (1)")
store.close()
store = numbers("OFF")
store.execute("INSERT INTO numbers VALUES (2)")
os.kill(os.getpid(), 9)
"""
    data.mkdir()
    environment = {**os.environ, **forgetting(data, bad_disk)}
    subprocess.run(
        [sys.executable, "-c", script, str(data)], env=environment, check=False
    )
    before = read_numbers(data)
    after_power_cut(data)
    assert (before, read_numbers(data)) == ([1, 2], [1])


def read_numbers(data: Path) -> list[int]:
    """What is in the store of the rig's test; a copy is opened."""
    copy = data.with_name("copy")
    shutil.copytree(data, copy)
    with sqlite3.connect(copy / "store") as store:
        rows = store.execute("SELECT number FROM numbers ORDER BY number").fetchall()
    shutil.rmtree(copy)
    return [number for (number,) in rows]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of two megabytes."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=2m", "flocker-test", disk]
    subprocess.run(options, check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


def refuses(control: Control, *words: str) -> None:
    """What cannot be stored is refused with 503 in words; what is known is served."""
    before = stored(control)
    refused = post(control)
    assert refused.code == 503
    assert "Retry-After" in refused.headers
    for word in (STORE, *words):
        assert word in refused.body["description"]
    assert stored(control) == before
    assert control.ask("GET", "/v1/health").code == 503


def recovers(control: Control) -> None:
    """The same process stores again, and says that it is well."""
    until(lambda: post(control).code == 201, "a dataset can be stored again")
    assert control.ask("GET", "/v1/health").code == 200


@needs_root
def test_full_disk(small_disk: Path, certificates: Path) -> None:
    """A full disk is named; when there is room again nobody needs to be restarted."""
    data = small_disk / "data"
    with running(data, certificates) as control:
        assert post(control).code == 201
        waste = small_disk / "waste"
        size = os.statvfs(small_disk).f_bavail * 4096
        waste.write_bytes(bytes(size))
        until(lambda: post(control, metadata=LONG).code == 503, "the disk is full")
        refuses(control, "full")
        waste.unlink()
        recovers(control)
        kept = stored(control)
    with running(data, certificates) as control:
        assert stored(control) == kept


LONG = {"name": "x" * 200}


@pytest.mark.parametrize(
    ("flag", "words"), [("eio", "I/O error"), ("erofs", "(SQLITE_")]
)
def test_failing_disk(
    tmp_path: Path, certificates: Path, bad_disk: Path, flag: str, words: str
) -> None:
    """A disk that fails is named; nothing of what failed appears later."""
    data = tmp_path / "data"
    environment = {"LD_PRELOAD": str(bad_disk), "FAULTY_DISK": str(data)}
    with running(data, certificates, environment=environment) as control:
        kept = {post(control).body["dataset_id"] for _ in range(3)}
        fault = data.with_name(f"data.{flag}")
        fault.touch()
        refuses(control, words)
        fault.unlink()
        recovers(control)
        assert kept < stored(control)
        kept = stored(control)
    with running(data, certificates) as control:
        assert stored(control) == kept


def spoilt(path: Path, how: str) -> None:
    """Make of a store something that is none."""
    if how == "damaged":
        content = bytearray(path.read_bytes())
        content[4096:8192] = b"\xa5" * 4096
        path.write_bytes(bytes(content))
    elif how == "cut short":
        os.truncate(path, path.stat().st_size // 2)
    elif how == "empty":
        os.truncate(path, 0)
    elif how == "a text":
        path.write_text("datasets: []\n")
    elif how == "somebody else's":
        path.unlink()
        with closing(sqlite3.connect(path)) as other:
            other.execute("CREATE TABLE recipes (name)")
    elif how == "newer":
        with closing(sqlite3.connect(path)) as store:
            store.execute("PRAGMA user_version = 99")
    elif how == "newer, with a journal":
        subprocess.run([sys.executable, "-c", NEWER, str(path)], check=False)
        assert path.with_name(f"{STORE}-wal").stat().st_size > 0


NEWER = """
import os, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA user_version = 99")
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("damaged", "damaged"),
        ("cut short", "cannot be used"),
        ("empty", "not a file of Flocker"),
        ("a text", "not a database"),
        ("somebody else's", "not a file of Flocker"),
        ("newer", "number 99"),
        ("newer, with a journal", "number 99"),
    ],
)
def test_unusable_store(
    tmp_path: Path, certificates: Path, how: str, words: str
) -> None:
    """A store that is none stops the start, in one line; it is left as it is."""
    data = tmp_path / "data"
    with running(data, certificates) as control:
        for _ in range(20):
            post(control)
    path = data / STORE
    spoilt(path, how)
    before = files(data)
    line = refuses_to_start(data, certificates)
    assert str(path) in line
    assert words in line
    assert "restore" in line
    assert files(data) == before


def files(data: Path) -> dict[str, bytes]:
    """The store, and its journal if there is something in it."""
    journal = data / f"{STORE}-wal"
    found = {STORE: (data / STORE).read_bytes()}
    if journal.exists() and journal.stat().st_size:
        found[journal.name] = journal.read_bytes()
    return found


def refuses_to_start(data: Path, certificates: Path, **environment: str) -> str:
    """A service does not start, and says why in one line."""
    options = ["-d", data, "-c", certificates, "-p", PORT, "-a", PORT]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, options)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    return line


@pytest.mark.parametrize("flag", ["eio", "erofs", "unreadable"])
def test_failing_disk_at_the_start(
    tmp_path: Path, certificates: Path, bad_disk: Path, flag: str
) -> None:
    """With a disk that fails it does not start, and says so; nothing is harmed."""
    data = tmp_path / "data"
    with running(data, certificates, stop=signal.SIGKILL) as control:
        kept = {post(control).body["dataset_id"] for _ in range(3)}
    before = files(data)
    fault = data.with_name(f"data.{flag}")
    fault.touch()
    environment = {"LD_PRELOAD": str(bad_disk), "FAULTY_DISK": str(data)}
    line = refuses_to_start(data, certificates, **environment)
    assert str(data) in line
    assert "fault in Flocker" not in line
    assert files(data) == before
    fault.unlink()
    with running(data, certificates, environment=environment) as control:
        assert stored(control) == kept


def test_out_of_files(tmp_path: Path, certificates: Path) -> None:
    """When all files are open, it goes on, says so once, and takes new ones later."""
    with running(tmp_path / "data", certificates) as control:
        resource.prlimit(control.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        assert post(control).code == 201
        address = ("127.0.0.1", control.port("rest"))
        crowd = [socket.create_connection(address, 5) for _ in range(100)]
        time.sleep(2)
        before = cpu_of(control.process.pid)
        time.sleep(2)
        assert cpu_of(control.process.pid) - before < 1.0
        for each in crowd:
            each.close()
        until(lambda: answers(control), "an answer")
        assert post(control).code == 201
        text = control.log.read_text()
        assert text.count("flocker:files:scarce") == 1


def cpu_of(process: int) -> float:
    """The seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def answers(control: Control) -> bool:
    """Whether the service answers."""
    try:
        return control.ask("GET", "/v1/version").code == 200
    except (OSError, http.client.HTTPException):
        return False


def test_same_id_at_once(tmp_path: Path, certificates: Path) -> None:
    """Of many who create the same dataset at once, one does."""
    with running(tmp_path / "data", certificates) as control:
        dataset = str(uuid4())
        with ThreadPoolExecutor(16) as pool:
            codes = sorted(
                each.code
                for each in pool.map(lambda _: post(control, dataset), range(16))
            )
        assert codes == [201] + [409] * 15
        assert stored(control) == {dataset}


def test_moves_at_once(tmp_path: Path, certificates: Path) -> None:
    """Of many moves of a dataset at once each is answered, and the last one counts."""
    with running(tmp_path / "data", certificates) as control:
        dataset = post(control).body["dataset_id"]
        nodes = [str(uuid4()) for _ in range(8)]

        def move(node: str):
            return control.ask("POST", f"{DATASETS}/{dataset}", {"primary": node})

        with ThreadPoolExecutor(8) as pool:
            codes = {each.code for each in pool.map(move, nodes)}
        assert codes == {200}
        (found,) = control.ask("GET", DATASETS).body
        assert found["primary"] in nodes


def test_stopped_gently(tmp_path: Path, certificates: Path) -> None:
    """A stop in the middle of a burst loses nothing either."""
    data = tmp_path / "data"
    with running(data, certificates) as control:
        end = lambda: control.process.send_signal(signal.SIGTERM)  # noqa: E731
        answered = burst_until(control, end)
    with running(data, certificates) as control:
        assert answered <= stored(control)
