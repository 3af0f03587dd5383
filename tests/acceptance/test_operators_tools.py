"""What operators look with when something is wrong, on real machines."""

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from flocker.ca.files import load_key
from flocker.cli.findings import Level
from flocker.node_tools.masking import secrets_of_key
from flocker.sandbox.layout import programs
from flocker.sandbox.names import MachineName, address, node_name
from flocker.sandbox.waiting import until
from flocker.testing.clusters import LiveCluster

SILENT_WITHIN = 60.0
"""Seconds; a connection is dead after 15."""
ONE, TWO, THREE = node_name(1), node_name(2), node_name(3)
HIDDEN = "correct-horse-battery"


def findings(cluster: LiveCluster, expected: int) -> list[tuple[str, str]]:
    """What the doctor finds that is not well; its exit status is this."""
    ran = cluster.flockerctl("doctor", "-q", "-o", "json", expected=expected)
    return [(each["level"], each["about"]) for each in json.loads(ran.out)]


def created(cluster: LiveCluster, name: str) -> None:
    """Create a dataset on node 1 and wait until it is mounted."""
    where = ("--node", address(ONE), "--size", "64M", "--metadata", f"name={name}")
    cluster.flockerctl("create", *where, "--wait")


def test_doctor_of_a_healthy_cluster(cluster: LiveCluster) -> None:
    """A cluster in order gives the doctor nothing to say."""
    assert findings(cluster, 0) == []


def test_doctor_finds_a_silent_node(cluster: LiveCluster) -> None:
    """A node that is cut off fails."""
    cluster.partition(THREE)

    def silent() -> bool:
        nodes = cluster.ask("GET", "/status/nodes").json
        return not all(each["connected"] for each in nodes)

    until(silent, f"silence of {THREE}", SILENT_WITHIN)
    assert (Level.FAIL.value, "agents") in findings(cluster, 1)


def test_lease_keeps_a_dataset(cluster: LiveCluster) -> None:
    """A leased dataset does not move until it is released, and says why."""
    created(cluster, "leased")
    arguments = ("--dataset", "leased", "--node", address(ONE), "--holder", "web")
    cluster.flockerctl("lease", "acquire", *arguments)
    move = ("move", "--dataset", "leased", "--to", address(TWO))
    cluster.flockerctl(*move, "--wait=3", expected=6)
    assert b"web has it leased there" in cluster.flockerctl("why", "leased").out
    cluster.flockerctl("lease", "release", "--dataset", "leased")
    cluster.flockerctl(*move, "--wait")


def test_events_of_a_life(cluster: LiveCluster) -> None:
    """A dataset's life is in the events, from its wish to its oblivion."""
    created(cluster, "lived")
    cluster.flockerctl("destroy", "--dataset", "lived", "--wait")
    cluster.flockerctl("purge", "lived")
    told = cluster.flockerctl("events", "--last", "100").out.decode()
    life = [
        line.split("(lived) is ")[1] for line in told.splitlines() if "lived" in line
    ]
    assert life[0].startswith("wanted on node")
    assert life[-1] == "forgotten"
    for phase in ("mounted", "destroyed"):
        assert any(line.startswith(phase) for line in life)


@pytest.fixture
def report(cluster: LiveCluster, tmp_path: Path) -> dict[str, bytes]:
    """A report of node 1, whose agent.yml and log know a password; what is in it."""
    config = _node_with_secrets(cluster, tmp_path, ONE)
    program = programs() / "flocker-diagnostics"
    command = f"cd {tmp_path} && {program} -c {config} --logfile {config}/log"
    name = cluster.run(ONE, "sh", "-c", command).strip()
    with tarfile.open(tmp_path / name) as tar:
        found = {
            member.name.partition("/")[2]: tar.extractfile(member) for member in tar
        }
        return {
            key: gzip.decompress(file.read()) if key.endswith(".gz") else file.read()
            for key, file in found.items()
            if file is not None
        }


def _node_with_secrets(cluster: LiveCluster, tmp_path: Path, node: MachineName) -> Path:
    config = tmp_path / "etc"
    config.mkdir()
    machine = cluster.sandbox.layout.machine(node)
    for name in ("cluster.crt", "node.crt", "node.key"):
        (config / name).write_bytes((machine / name).read_bytes())
    agent_yml = (machine / "agent.yml").read_text()
    (config / "agent.yml").write_text(f"{agent_yml}\n  password: {HIDDEN}\n")
    key = (config / "node.key").read_text()
    (config / "log").write_text(json.dumps({"why": f"{HIDDEN} {key}"}) + "\n")
    return config


def test_report_holds_what_helps(report: dict[str, bytes]) -> None:
    """Logs, versions, disks and mounts are in it; what is missing is named."""
    collected = json.loads(report["collected.json"])
    for name in ("version.json", "uname", "os-release", "mounts", "losetup", "lsblk"):
        assert collected[name] == "ok"
        assert report[name]
    assert collected["state"].endswith(
        "user.crt could not be read: No such file or directory"
    )
    assert any(name.endswith("flocker-dataset-agent.log.gz") for name in report)


def test_report_holds_no_secret(report: dict[str, bytes], tmp_path: Path) -> None:
    """Not a line of a key, nor the password, is in any part of it."""
    path = tmp_path / "etc" / "node.key"
    assert load_key(path) is not None
    secrets = [*secrets_of_key(path.read_bytes()), HIDDEN.encode()]
    assert len(secrets) > 2
    leaks = [
        name
        for name, content in report.items()
        for secret in secrets
        if secret in content
    ]
    assert leaks == []
    assert report["config/agent.yml"].endswith(b"password: (removed)\n")
    assert b"PRIVATE KEY" not in b"".join(report.values())


def test_era(cluster: LiveCluster) -> None:
    """The era that a node prints is the one by which control knows it."""
    era = cluster.run(ONE, str(programs() / "flocker-node-era"))
    answer = cluster.ask("GET", f"/state/nodes/by_era/{era}")
    assert answer.json == {"uuid": str(cluster.id_of(ONE))}
