"""A cluster of the first Flocker under this one: its data, certificates, clients."""

import shutil
import socket
import ssl
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from flocker.control.persistence.database import Database
from flocker.control.persistence.directory import DATABASE
from flocker.control.persistence.migration import OLD_CONFIGURATION, inspect
from flocker.control.persistence.opening import open_store
from flocker.model.changes import apply
from flocker.model.configuration import Configuration
from flocker.testing.certificates import an_old_cluster
from tests.functional.control_service import Control, flocker_control, furnish, running
from tests.functional.killed_at import killed_at

GOLDEN = Path(__file__).parents[1] / "golden" / "flocker-1"
KEPT = "current_configuration.imported.json"

PG = "11c50000-0000-4000-8000-000000000001"
UNICODE = "11c50000-0000-4000-8000-000000000002"
GONE = "11c50000-0000-4000-8000-000000000003"
NODE = "5d7a0000-0000-4000-8000-000000000001"
OTHER = "5d7a0000-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory):
    """A 1.15 machine: its data directory and its certificates, under this Flocker."""
    place = tmp_path_factory.mktemp("control")
    certificates = furnish(place / "etc", an_old_cluster())
    data = place / "flocker"
    data.mkdir()
    shutil.copy(GOLDEN / "v6.json", data / OLD_CONFIGURATION)
    with running(data, certificates) as service:
        yield service


def test_import_is_logged(control: Control) -> None:
    """What came, and what is kept for later, stands in the log."""
    logged = control.logged("flocker:control:imported")
    assert logged is not None
    found = {
        key: logged[key] for key in ("version", "datasets", "leases", "containers")
    }
    assert found == {"version": 6, "datasets": 3, "leases": 2, "containers": ["db"]}


def test_old_client_lists(control: Control) -> None:
    """An old client with an old certificate finds its datasets as they were."""
    answer = control.ask("GET", "/v1/configuration/datasets")
    assert answer.code == 200
    assert len(answer.headers["X-Configuration-Tag"]) == 32
    assert answer.headers["Content-Type"] == "application/json"
    assert {each["dataset_id"]: each for each in answer.body} == {
        PG: {
            "dataset_id": PG,
            "primary": NODE,
            "deleted": False,
            "metadata": {"name": "pg"},
            "maximum_size": 1073741824,
        },
        UNICODE: {
            "dataset_id": UNICODE,
            "primary": OTHER,
            "deleted": False,
            "metadata": {
                "name": "größe-данные-🐳",
                "clusterhq:flocker:profile": "gold",
            },
        },
        GONE: {
            "dataset_id": GONE,
            "primary": NODE,
            "deleted": True,
            "metadata": {"name": "old"},
            "maximum_size": 67108864,
        },
    }


def test_old_client_sees_leases(control: Control) -> None:
    """Old leases are there; none expires before their holders can have reached us."""
    answer = control.ask("GET", "/v1/configuration/leases")
    leases = {each["dataset_id"]: each for each in answer.body}
    assert set(leases) == {PG, UNICODE}
    assert leases[PG]["expires"] is None
    assert leases[UNICODE]["expires"] == 0
    assert leases[PG]["node_uuid"] == NODE


def test_old_client_changes(control: Control) -> None:
    """Create, conflict, condition, move, delete: each with its specified status."""
    path = "/v1/configuration/datasets"
    created = control.ask("POST", path, {"primary": NODE, "metadata": {"name": "new"}})
    dataset = created.body["dataset_id"]
    again = control.ask("POST", path, {"primary": NODE, "dataset_id": dataset.upper()})
    stale = {"X-If-Configuration-Matches": "0" * 32}
    statuses = [
        created.code,
        again.code,
        control.ask("POST", path, {"primary": NODE}, stale).code,
        control.ask("POST", path, {"primary": "not-a-uuid"}).code,
        control.ask("POST", f"{path}/{dataset}", {"primary": OTHER}).code,
        control.ask("POST", f"{path}/{GONE}", {"primary": OTHER}).code,
        control.ask("POST", f"{path}/{NODE}", {"primary": OTHER}).code,
        control.ask("DELETE", f"{path}/{dataset}").code,
        control.ask("DELETE", f"{path}/{dataset}").code,
        control.ask("DELETE", f"{path}/{NODE}").code,
    ]
    assert statuses == [201, 409, 412, 400, 200, 405, 404, 200, 200, 404]


def test_old_client_looks_at_the_state(control: Control) -> None:
    """Lists are lists, also where no agent has connected."""
    answers = [
        control.ask("GET", path).body
        for path in ("/v1/state/datasets", "/v1/state/nodes")
    ]
    assert answers == [[], []]
    version = control.ask("GET", "/v1/version")
    assert (version.code, list(version.body)) == (200, ["flocker"])


def test_old_node_reaches_the_agents_port(control: Control) -> None:
    """A node's certificate without any extension opens the agents' port."""
    with (
        socket.create_connection(("127.0.0.1", control.port("agents")), 20) as plain,
        control.tls("node").wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        secure.settimeout(0.5)
        # A refused peer is told by an alert; one that is let in is waited for.
        with pytest.raises(TimeoutError):
            _ = secure.recv(1)


def test_old_user_is_no_node(control: Control) -> None:
    """Roles are told apart in old certificates too."""
    with (
        socket.create_connection(("127.0.0.1", control.port("agents")), 20) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        _ = control.tls("user").wrap_socket(plain, server_hostname="127.0.0.1")
    refused = control.logged("flocker:control:refused")
    assert refused is not None
    assert "user-alice" in refused["why"]


def test_unusable_file_stops_the_start(tmp_path: Path) -> None:
    """A file of a later version ends the start with one line, and stays."""
    certificates = furnish(tmp_path / "etc", an_old_cluster())
    data = tmp_path / "flocker"
    data.mkdir()
    (data / OLD_CONFIGURATION).write_text(
        '{"$__class__$": "Configuration", "version": 7}'
    )
    ended = flocker_control(
        "-d", data, "-c", certificates, "-p", "tcp:0", "-a", "tcp:0"
    )
    assert ended.returncode == 1
    assert ended.stderr == (
        f"ERROR: {data / OLD_CONFIGURATION} cannot be imported: its version is 7, and"
        " those of Flocker 1 are 1 to 6\n"
    )
    assert not (data / DATABASE).exists()


def test_check_writes_nothing(tmp_path: Path) -> None:
    """--check says what would come; the data directory is not even made."""
    data = tmp_path / "flocker"
    file = GOLDEN / "v6-odd.json"
    said = flocker_control("-d", data, "--import", file, "--check")
    assert (said.returncode, said.stderr) == (0, "")
    assert "datasets: 4 (1 of them deleted)" in said.stdout
    assert "containers: 1 (a-1)" in said.stdout
    assert "volume block-8" in said.stdout
    assert not data.exists()


def test_import_once(tmp_path: Path) -> None:
    """--import fills an empty directory, and no other."""
    data = tmp_path / "flocker"
    file = GOLDEN / "v1.json"
    first = flocker_control("--import", file, "-d", data)
    second = flocker_control("--import", file, "-d", data)
    assert (first.returncode, second.returncode) == (0, 1)
    assert second.stderr.startswith(f"ERROR: {data / DATABASE} holds a configuration")
    assert (data / KEPT).read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "arguments",
    [["--check"], ["--import", "x", "backup", "y"], ["backup"]],
)
def test_usage(arguments: list[str]) -> None:
    """What makes no sense together is a usage error."""
    ended = flocker_control(*arguments)
    assert ended.returncode == 1
    assert ended.stderr.startswith("ERROR: ")
    assert "Usage: flocker-control" in ended.stderr


def stored(data: Path) -> Configuration:
    database = Database(data / DATABASE)
    try:
        return database.load()
    finally:
        database.close()


class NoReactor:
    """Opening needs no turn of a reactor."""

    def callFromThread(self, *args: object, **kwargs: object) -> None:
        raise AssertionError


def open_and_close(data: Path) -> None:
    store = open_store(data, NoReactor())
    store._database.close()
    store._writer.stop()
    store._release()


def test_kill_leaves_the_old_state_or_the_new(tmp_path: Path) -> None:
    """Whenever an import is killed, the next start goes on, and nothing is lost."""
    content = (GOLDEN / "v5.json").read_bytes()
    expected = apply(inspect(GOLDEN / "v5.json").change, Configuration())
    seen = set()
    for number in count(1):
        data = tmp_path / str(number)
        data.mkdir()
        (data / OLD_CONFIGURATION).write_bytes(content)
        killed = killed_at(number, data, partial(open_and_close, data))
        old, new = (data / OLD_CONFIGURATION).exists(), (data / DATABASE).exists()
        seen.add((old, new))
        if new:
            assert contents(stored(data)) == contents(expected)
        open_and_close(data)
        assert contents(stored(data)) == contents(expected)
        assert (data / KEPT).read_bytes() == content
        assert not (data / OLD_CONFIGURATION).exists()
        if not killed:
            break
    assert seen == {(True, False), (True, True), (False, True)}


def contents(configuration: Configuration) -> tuple:
    """All but when a dataset was asked for, which is when its file was written."""
    datasets = {
        each.id: (each.primary, each.metadata, each.deleted, each.maximum_size)
        for each in configuration.datasets.values()
    }
    return datasets, configuration.leases, configuration.ownership
