"""The programs of docs/clients, run as a user runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from flocker.sandbox.names import CONTROL, address, node_name
from flocker.sandbox.network import entering as entering_network
from flocker.testing.clusters import LiveCluster

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "docs" / "clients"
GO_CACHE = ROOT / "build" / "cache" / "go"
WITHIN = 300.0

Ran = "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """How each is called; Go's is compiled."""
    made = tmp_path_factory.mktemp("go") / "life"
    own = {"GOCACHE": str(GO_CACHE), "CGO_ENABLED": "0", "GOTOOLCHAIN": "local"}
    source = CLIENTS / "life.go"
    subprocess.run(
        ["go", "build", "-o", made, source], env=os.environ | own, check=True
    )
    return {
        "go": [str(made)],
        "python": [sys.executable, "-I", str(CLIENTS / "life.py")],
        "ruby": ["ruby", "-w", str(CLIENTS / "life.rb")],
    }


def run(cluster: LiveCluster, program: list[str], host: str, directory: Path) -> Ran:
    """Run one in the cluster's network, with no settings but its arguments."""
    inside = entering_network(cluster.sandbox.layout.switch)
    return subprocess.run(
        [*inside, *program, host, str(directory)],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN,
    )


def test_every_client_is_run() -> None:
    """There are no other programs than these."""
    assert {path.suffix for path in CLIENTS.iterdir()} == {".go", ".py", ".rb"}


@pytest.mark.parametrize("language", ["go", "python", "ruby"])
def test_life(
    cluster: LiveCluster, programs: Mapping[str, list[str]], language: str
) -> None:
    """Nodes are listed; a dataset is created, mounted, moved, mounted and destroyed."""
    certificates = cluster.sandbox.layout.client
    ran = run(cluster, programs[language], address(CONTROL), certificates)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = [line.split() for line in ran.stdout.splitlines()]
    said = [line for line in lines if line[0] != "waiting:"]
    nodes = {(line[1], line[2]) for line in said[: len(cluster.nodes)]}
    assert nodes == {(str(cluster.id_of(n)), address(n)) for n in cluster.nodes}
    dataset = said[len(nodes)][1]
    assert said[len(nodes) :] == [
        ["created", dataset],
        ["mounted", f"/flocker/{dataset}"],
        ["moved", f"/flocker/{dataset}"],
        ["destroyed", dataset],
    ]
    volumes = cluster.sandbox.layout.volumes
    assert list(volumes.rglob(f"*{dataset}*")) == []


@pytest.mark.parametrize("language", ["go", "python", "ruby"])
def test_host_is_verified(
    cluster: LiveCluster, programs: Mapping[str, list[str]], language: str
) -> None:
    """An address that is not in control's certificate is refused, whoever signed it."""
    inside = entering_network(cluster.sandbox.layout.switch)
    alias = "10.77.0.9/24"
    forward = [*inside, "ip", "address"]
    subprocess.run([*forward, "add", alias, "dev", "lo"], check=True)
    relay = subprocess.Popen(
        [*inside, sys.executable, "-c", RELAY, "10.77.0.9", address(CONTROL)],
        stdout=subprocess.PIPE,
    )
    try:
        assert relay.stdout is not None
        assert relay.stdout.readline() == b"ready\n"
        certificates = cluster.sandbox.layout.client
        ran = run(cluster, programs[language], "10.77.0.9", certificates)
    finally:
        relay.kill()
        relay.communicate()
        subprocess.run([*forward, "delete", alias, "dev", "lo"], check=True)
    assert ran.returncode != 0
    assert "certificate" in ran.stderr
    assert "10.77.0.9" in ran.stderr


RELAY = """
import socket, sys, threading
listening = socket.create_server((sys.argv[1], 4523))
print("ready", flush=True)

def pass_on(source, target):
    while data := source.recv(65536):
        target.sendall(data)

while True:
    near, _ = listening.accept()
    far = socket.create_connection((sys.argv[2], 4523))
    for pair in ((near, far), (far, near)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
"""
"""Carries bytes from another address to control's."""


def test_name_is_verified(
    cluster: LiveCluster, programs: Mapping[str, list[str]]
) -> None:
    """The name in control's certificate is as good as its address."""
    machine = node_name(1)
    with_name = f"{address(CONTROL)} {CONTROL}\n"
    hosts = cluster.sandbox.layout.machine(machine) / "hosts"
    hosts.write_text(with_name)
    certificates = cluster.sandbox.layout.client
    for program in programs.values():
        script = (
            f"mount --bind {hosts} /etc/hosts; exec {' '.join(program)} {CONTROL}"
            f" {certificates}"
        )
        said = cluster.run(machine, "unshare", "--mount", "sh", "-ec", script)
        assert said.splitlines()[-1].startswith("destroyed ")
