"""Backup of a service that runs, and what its clients see after a restore."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from flocker.control.persistence.backups import restore
from flocker.control.persistence.database import Database
from flocker.control.persistence.directory import DATABASE
from flocker.testing.certificates import a_cluster
from tests.functional.control_service import Control, flocker_control, furnish, running
from tests.functional.killed_at import killed_at

NODE = "5d7a0000-0000-4000-8000-000000000001"
DATASETS = "/v1/configuration/datasets"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    furnish(tmp_path / "etc", a_cluster())
    return tmp_path


def create(control: Control, name: str) -> str:
    body = {"primary": NODE, "metadata": {"name": name}}
    answer = control.ask("POST", DATASETS, body)
    assert answer.code == 201
    return str(answer.body["dataset_id"])


def names(control: Control) -> set[str]:
    return {each["metadata"]["name"] for each in control.ask("GET", DATASETS).body}


def tag(control: Control) -> str:
    return control.ask("GET", DATASETS).headers["X-Configuration-Tag"]


@contextmanager
def writing(control: Control) -> Iterator[list[str]]:
    """Create datasets without pause; gives the ids of those that are durable."""
    created: list[str] = []
    enough = Event()

    def write() -> None:
        for number in count():
            if enough.is_set():
                return
            created.append(create(control, f"busy-{number}"))

    thread = Thread(target=write)
    thread.start()
    try:
        yield created
    finally:
        enough.set()
        thread.join()


def held(path: Path) -> tuple[int, set[str]]:
    """The revision of a backup, and its datasets."""
    database = Database(path)
    try:
        found = database.load()
    finally:
        database.close()
    return found.revision, {str(dataset) for dataset in found.datasets}


def test_backup_of_a_busy_service(place: Path) -> None:
    """A backup holds all that was acknowledged before it, and is one moment's."""
    with running(place / "data", place / "etc") as control, writing(control) as created:
        for number in range(3):
            before = set(created)
            made = flocker_control("-d", place / "data", "backup", place / str(number))
            assert (made.returncode, made.stderr) == (0, "")
            revision, datasets = held(place / str(number))
            assert before <= datasets
            assert len(datasets) == revision


def test_restore(place: Path) -> None:
    """A restored service has what the backup had; what came later is void."""
    data, file = place / "data", place / "backup"
    with running(data, place / "etc") as control:
        create(control, "before")
        assert flocker_control("-d", data, "backup", file).returncode == 0
        tag_of_backup = tag(control)
        create(control, "after")
        tag_after = tag(control)
        refused = flocker_control("restore", file, "-d", data)
        assert refused.returncode == 1
        assert f"in use by process {control.process.pid}" in refused.stderr
    restored = flocker_control("restore", file, "-d", data)
    assert restored.returncode == 0
    assert "1 datasets" in restored.stdout
    with running(data, place / "etc") as control:
        assert names(control) == {"before"}
        assert tag(control) not in {tag_of_backup, tag_after}
        create(control, "other")
        assert tag(control) != tag_after
    kept = data / "configuration.before-restore.sqlite"
    assert len(held(kept)[1]) == 2


def test_restore_after_a_kill(place: Path) -> None:
    """A service that was killed left its journal; it is not taken for the backup's."""
    data, file = place / "data", place / "backup"
    with running(data, place / "etc", stop=signal.SIGKILL) as control:
        create(control, "before")
        assert flocker_control("-d", data, "backup", file).returncode == 0
        create(control, "after")
    assert (data / f"{DATABASE}-wal").exists()
    assert flocker_control("restore", file, "-d", data).returncode == 0
    assert len(held(data / "configuration.before-restore.sqlite")[1]) == 2
    with running(data, place / "etc") as control:
        assert names(control) == {"before"}


def test_kill_leaves_the_old_store_or_the_new(place: Path) -> None:
    """Whenever a restore is killed, the store is one of both, whole."""
    with running(place / "data", place / "etc", stop=signal.SIGKILL) as control:
        first = create(control, "before")
        made = flocker_control("-d", place / "data", "backup", place / "backup")
        assert made.returncode == 0
        second = create(control, "after")
    seen = set()
    for number in count(1):
        data = place / str(number)
        data.mkdir()
        for path in (place / "data").iterdir():
            (data / path.name).write_bytes(path.read_bytes())
        again = partial(restore, data, place / "backup")
        killed = killed_at(number, data, again)
        found = frozenset(held(data / DATABASE)[1])
        assert found in ({first}, {first, second})
        seen.add(found)
        if not killed:
            break
        _ = again()
        assert held(data / DATABASE)[1] == {first}
    assert len(seen) == 2
