"""The units under a real systemd: installed by the command, killed, rebooted."""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from attrs import frozen

from flocker.runtime.process import ProcessFailed
from flocker.sandbox.waiting import until
from flocker.testing.systemd_nodes import Node, two_nodes
from tests.acceptance.plugin_socket import PluginSocket

CONTROL = "flocker-control"
AGENT = "flocker-dataset-agent"
PLUGIN = "flocker-docker-plugin"
SOCKET = Path("/run/docker/plugins/flocker/flocker.sock")
ETC = Path("/etc/flocker")
CA = Path("/root/ca")
WITHIN = 60.0


@frozen
class Cluster:
    """Two nodes: control and an agent on the first; an agent and a plugin beside it."""

    one: Node
    two: Node

    def units(self) -> list[tuple[Node, str]]:
        """Every daemon, with the node it runs on."""
        first = [(self.one, CONTROL), (self.one, AGENT)]
        return [*first, (self.two, AGENT), (self.two, PLUGIN)]

    def ctl(self, *arguments: str) -> str:
        """Run flockerctl as its user does, on the first node."""
        options = (f"--control-service={self.one.address}", f"--certs-path={CA}")
        return self.one.out("flockerctl", *options, *arguments)

    def created(self, node: Node, name: str) -> Path:
        """Make a dataset, wait until it is mounted, and write its name into it."""
        where = ("--node", node.address, "--size", "64M", "--metadata", f"name={name}")
        self.ctl("create", *where, "--wait")
        listed = json.loads(self.ctl("list", "--output", "json"))
        (found,) = [dataset for dataset in listed if dataset["name"] == name]
        path = Path("/flocker") / found["dataset_id"]
        node.write(path / "name", name)
        return path

    def await_all(self) -> None:
        """Wait until every daemon serves and every agent is connected."""
        for node, unit in self.units():
            wait_for(node, unit, "ActiveState", "active")
        for node in (self.one, self.two):
            wait_for(node, AGENT, "StatusText", connected(self.one))


def connected(control: Node) -> str:
    """What the agent of a node whose control is `control` says of itself."""
    return f"connected to control at {control.address}:4524"


def show(node: Node, unit: str, key: str) -> str:
    """A property of a unit."""
    return node.out("systemctl", "show", "--value", f"--property={key}", unit).strip()


def wait_for(node: Node, unit: str, key: str, value: str) -> None:
    """Wait until a property of a unit has a value."""
    what = f"{key} of {unit} on {node.name} to be {value}"
    until(lambda: show(node, unit, key) == value, what, WITHIN)


def send(node: Node, signal: str, pid: str) -> None:
    """Signal a process of a node."""
    node.run("sh", "-c", f"kill -{signal} {pid}")


def mounted(node: Node, path: Path) -> str:
    """The kernel's number of the mount at a path; empty if there is none."""
    code = 'findmnt --noheadings --output=ID --mountpoint "$1" || true'
    return node.out("sh", "-c", code, "sh", str(path)).strip()


def read_again(node: Node, path: Path) -> str:
    """Wait until a dataset is mounted, and give the name that was written into it."""
    until(lambda: bool(mounted(node, path)), f"{path} to be mounted", WITHIN)
    return node.out("cat", str(path / "name"))


def said(node: Node, unit: str) -> list[str]:
    """What a unit has put into the journal since its node booted."""
    return node.out("journalctl", "--boot", "-o", "cat", "-u", unit).splitlines()


def messages(node: Node, unit: str) -> list[dict[str, object]]:
    """The messages of eliot among what a unit has said."""
    return [json.loads(line) for line in said(node, unit) if line.startswith("{")]


def certify(one: Node, two: Node) -> None:
    """Make the cluster's certificates with flocker-ca and put them in place."""
    one.run("mkdir", "-m", "700", str(CA))
    options = (f"--inputpath={CA}", f"--outputpath={CA}")
    code = 'cd "$1" && shift && exec flocker-ca "$@"'

    def ca(*arguments: str) -> str:
        return one.out("sh", "-c", code, "sh", str(CA), *arguments)

    ca("initialize", "systemd-test")
    ca("create-control-certificate", *options, one.address)
    for user in ("user", "plugin"):
        ca("create-api-certificate", *options, user)
    files = [(one, f"control-{one.address}", "control-service")]
    files.append((two, "plugin", "plugin"))
    for node in (one, two):
        found = re.match(r"Created (\S+)\.crt", ca("create-node-certificate", *options))
        assert found
        files.append((node, found[1], "node"))
    for node, source, target in files:
        for end in ("crt", "key"):
            node.write(ETC / f"{target}.{end}", one.out("cat", f"{CA}/{source}.{end}"))
    for node in (one, two):
        node.write(ETC / "cluster.crt", one.out("cat", f"{CA}/cluster.crt"))
        node.write(ETC / "agent.yml", agent_yml(one, node))


def agent_yml(control: Node, node: Node) -> str:
    """The agent's file of a node."""
    return yaml.safe_dump(
        {
            "version": 1,
            "control-service": {"hostname": control.address},
            "dataset": {
                "backend": "loopback",
                "root_path": "/var/lib/flocker/loopback",
                "compute_instance_id": node.name,
            },
        }
    )


@pytest.fixture(scope="module")
def _nodes() -> Iterator[Cluster]:
    if os.geteuid() != 0:
        pytest.skip("a node with systemd needs root")
    with two_nodes() as (one, two):
        one.run("flocker-install-units", "--control", "--agent", "--enable")
        two.run("flocker-install-units", "--agent", "--docker", "--enable")
        certify(one, two)
        yield Cluster(one, two)


@pytest.fixture
def cluster(_nodes: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster that is whole; a failing test shows how its units are."""
    _nodes.await_all()
    failed = request.session.testsfailed
    yield _nodes
    if request.session.testsfailed > failed:
        for node, unit in _nodes.units():
            status = ("systemctl status --no-pager -n 12 " + unit + " || true",)
            sys.stdout.write(node.out("sh", "-c", *status))


def test_units_are_correct(cluster: Cluster) -> None:
    """Systemd has nothing to say against the installed units."""
    for node, unit in cluster.units():
        file = f"/etc/systemd/system/{unit}.service"
        verified = node.run("systemd-analyze", "verify", file)
        assert (verified.out, verified.err) == (b"", b"")


def test_status(cluster: Cluster) -> None:
    """`systemctl status` says how a daemon is."""
    expected = "serving; nodes connected: 2, datasets: "
    until(
        lambda: show(cluster.one, CONTROL, "StatusText").startswith(expected),
        f"the status {expected}",
        WITHIN,
    )
    assert "Status: " in cluster.one.out("systemctl", "status", "--no-pager", CONTROL)


def test_log_is_json(cluster: Cluster) -> None:
    """The journal has the messages of eliot, one of them says that control serves."""
    found = [each.get("message_type") for each in messages(cluster.one, CONTROL)]
    assert "flocker:control:started" in found


def test_private_directories(cluster: Cluster) -> None:
    """Only root may enter what holds keys and the cluster's state."""
    modes = cluster.one.out("stat", "--format=%a", str(ETC), "/var/lib/flocker")
    assert modes.split() == ["700", "700"]


def test_lives_are_told_apart(cluster: Cluster) -> None:
    """Each node has a boot id of its own, as machines have."""
    boot_id = ("cat", "/proc/sys/kernel/random/boot_id")
    assert cluster.one.out(*boot_id) != cluster.two.out(*boot_id)


@pytest.mark.parametrize("unit", [CONTROL, AGENT])
def test_killed(cluster: Cluster, unit: str) -> None:
    """A daemon that is killed is started again, and no mount notices."""
    path = cluster.created(cluster.one, f"killed-{unit}")
    before = mounted(cluster.one, path), show(cluster.one, unit, "MainPID")
    send(cluster.one, "KILL", before[1])
    until(
        lambda: show(cluster.one, unit, "MainPID") not in {before[1], "0"},
        f"{unit} to be started again",
        WITHIN,
    )
    cluster.await_all()
    assert mounted(cluster.one, path) == before[0]
    assert cluster.one.out("cat", str(path / "name")) == f"killed-{unit}"


def test_restarted(cluster: Cluster) -> None:
    """An agent that is stopped and started leaves every mount as it is."""
    path = cluster.created(cluster.two, "restarted")
    before = mounted(cluster.two, path)
    cluster.two.run("systemctl", "stop", AGENT)
    assert mounted(cluster.two, path) == before
    cluster.two.run("systemctl", "start", AGENT)
    cluster.await_all()
    assert mounted(cluster.two, path) == before


def test_hung(cluster: Cluster) -> None:
    """An agent that lives but does nothing any more is started again."""
    drop_in = Path(f"/run/systemd/system/{AGENT}.service.d/soon.conf")
    cluster.two.run("mkdir", "-p", str(drop_in.parent))
    cluster.two.write(drop_in, "[Service]\nWatchdogSec=2s\nWatchdogSignal=SIGKILL\n")
    cluster.two.run("systemctl", "daemon-reload")
    cluster.two.run("systemctl", "restart", AGENT)
    hung = show(cluster.two, AGENT, "MainPID")
    send(cluster.two, "STOP", hung)
    until(
        lambda: show(cluster.two, AGENT, "MainPID") not in {hung, "0"},
        "the watchdog to bite",
        WITHIN,
    )
    cluster.two.run("rm", str(drop_in))
    cluster.two.run("systemctl", "daemon-reload")
    cluster.two.run("systemctl", "restart", AGENT)


def test_moved(cluster: Cluster) -> None:
    """A dataset follows its node, though control has mounts of its own.

    Control is started anew while it is mounted, so that it has a copy of the mount.
    """
    path = cluster.created(cluster.one, "moved")
    cluster.one.run("systemctl", "restart", CONTROL)
    cluster.await_all()
    cluster.ctl("move", "--dataset", "moved", "--to", cluster.two.address, "--wait")
    assert read_again(cluster.two, path) == "moved"
    assert mounted(cluster.one, path) == ""


def test_without_control(cluster: Cluster) -> None:
    """An agent that does not reach control says so and why, and seldom."""
    cluster.one.run("systemctl", "stop", CONTROL)
    before = len(messages(cluster.two, AGENT))
    until(
        lambda: "is not reached: " in show(cluster.two, AGENT, "StatusText"),
        "the agent to say that control is not reached",
        WITHIN,
    )
    status = show(cluster.two, AGENT, "StatusText")
    assert status.startswith(
        f"not connected: control service {cluster.one.address}:4524 is not reached: "
    )
    new = messages(cluster.two, AGENT)[before:]
    failures = [
        each for each in new if each["message_type"] == "flocker:session:failed"
    ]
    assert len(failures) <= len({str(each["why"]) for each in failures}) + 1
    cluster.one.run("systemctl", "start", CONTROL)


def test_says_why_not_started(cluster: Cluster) -> None:
    """A daemon that cannot start says so in one line and tries again until it can."""
    away = ETC / "agent.yml.away"
    cluster.two.run("systemctl", "stop", AGENT)
    cluster.two.run("mv", str(ETC / "agent.yml"), str(away))
    with pytest.raises(ProcessFailed):
        cluster.two.run("systemctl", "start", AGENT)
    lines = [line for line in said(cluster.two, AGENT) if line.startswith("ERROR: ")]
    assert set(lines) == {f"ERROR: {ETC}/agent.yml: No such file or directory"}
    cluster.two.run("mv", str(away), str(ETC / "agent.yml"))


def test_reboot(cluster: Cluster) -> None:
    """After a reboot of all machines everything is as it was, with its data."""
    paths = {
        node.name: cluster.created(node, f"reboot-{node.name}")
        for node in (cluster.one, cluster.two)
    }
    for node in (cluster.two, cluster.one):
        node.reboot()
    cluster.await_all()
    found = [read_again(node, paths[node.name]) for node in (cluster.one, cluster.two)]
    assert found == ["reboot-one", "reboot-two"]


def test_power_failure(cluster: Cluster) -> None:
    """After a power failure everything is as it was, with its data."""
    path = cluster.created(cluster.one, "power")
    cluster.one.cut_power()
    cluster.one.boot()
    cluster.await_all()
    assert read_again(cluster.one, path) == "power"


def test_uninstalled(cluster: Cluster) -> None:
    """Who removes the units keeps mounts, keys and data, and can install again."""
    path = cluster.created(cluster.two, "kept")
    before = mounted(cluster.two, path)
    cluster.two.run("flocker-install-units", "--agent", "--uninstall")
    assert show(cluster.two, AGENT, "LoadState") == "not-found"
    assert mounted(cluster.two, path) == before
    cluster.two.run("flocker-install-units", "--agent", "--enable")
    cluster.await_all()
    assert cluster.two.out("cat", str(path / "name")) == "kept"


def test_docker_plugin(cluster: Cluster) -> None:
    """The plugin comes before Docker, and who mounted does not notice its death."""
    assert "docker.service" in show(cluster.two, PLUGIN, "Before").split()
    plugin, mount = PluginSocket(cluster.two.seen(SOCKET)), uuid4().hex
    plugin.create("under-systemd")
    path = plugin.mount("under-systemd", mount)
    cluster.two.write(path / "name", "under-systemd")
    before = mounted(cluster.two, path), show(cluster.two, PLUGIN, "MainPID")
    send(cluster.two, "KILL", before[1])
    until(
        lambda: show(cluster.two, PLUGIN, "MainPID") not in {before[1], "0"},
        "the plugin to be started again",
        WITHIN,
    )
    assert plugin.mount("under-systemd", mount) == path
    assert mounted(cluster.two, path) == before[0]
    assert cluster.two.out("cat", str(path / "name")) == "under-systemd"
    for _ in range(2):
        plugin.unmount("under-systemd", mount)
