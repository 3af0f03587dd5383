"""The machines of a sandbox are like machines: needs root and a real kernel.

They run a stand-in, a web server, in place of Flocker's daemons.
"""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from uuid import uuid4

import pytest

from flocker.runtime.process import run_sync
from flocker.sandbox import cluster, network
from flocker.sandbox.blueprint import Program
from flocker.sandbox.cluster import Sandbox
from flocker.sandbox.layout import Layout, default_layout
from flocker.sandbox.loops import bound_below
from flocker.sandbox.machines import (
    MachineOff,
    MachineOn,
    demand,
    entering,
    programs_of,
)
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    SandboxName,
    address,
    node_name,
)
from flocker.sandbox.processes import inside, is_alive, look_up, send
from flocker.sandbox.waiting import until

ONE, TWO = node_name(1), node_name(2)
PORT = 8000
PATIENCE = 60.0

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes namespaces: root")

KNOCK = """
import socket, sys
socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1).close()
"""


def web_server(layout: Layout, machine: MachineName) -> tuple[Program, ...]:
    """What each machine runs."""
    bound = ("--bind", address(machine), str(PORT))
    return (Program("web", (sys.executable, "-m", "http.server", *bound)),)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose machines are all on; a test that kills one starts it again."""
    name = SandboxName(f"test-{uuid4().hex[:8]}")
    wanted = Sandbox(default_layout(name), 2)
    made = cluster.up(wanted, datetime.now(UTC), lambda _: None, web_server)
    yield made
    cluster.down(name)


def run(sandbox: Sandbox, machine: MachineName, *command: str) -> str:
    """Run a command on a machine; its output."""
    entered = [*entering(sandbox.layout, machine), *command]
    return run_sync(entered).out.decode().strip()


def reaches(sandbox: Sandbox, one: MachineName, other: MachineName) -> bool:
    """Whether one machine can connect to the other's web server."""
    knock = [sys.executable, "-c", KNOCK, address(other), str(PORT)]
    entered = [*entering(sandbox.layout, one), *knock]
    return run_sync(entered, expected=(0, 1)).status == 0


def await_reached(sandbox: Sandbox, one: MachineName, other: MachineName) -> None:
    """Wait until one machine can connect to the other's web server."""
    until(lambda: reaches(sandbox, one, other), f"{one} to reach {other}", PATIENCE)


def mount_volume(sandbox: Sandbox, machine: MachineName) -> Path:
    """Mount an ext4 on a loop device, where the loopback backend would."""
    attached = sandbox.layout.volumes / "cluster" / "attached" / machine
    attached.mkdir(parents=True, exist_ok=True)
    file = attached / f"volume-{uuid4().hex}"
    run_sync(["truncate", "--size=16M", str(file)])
    script = 'd=$(losetup -f --show "$1"); mkfs.ext4 -q $d; mkdir $2; mount $d $2'
    place = Path("/flocker") / file.name
    run(sandbox, machine, "sh", "-ec", script, "sh", str(file), str(place))
    return place


def test_host_name(sandbox: Sandbox) -> None:
    """A machine's host name is its own."""
    assert [run(sandbox, name, "hostname") for name in sandbox.machines] == [
        "control",
        "node-1",
        "node-2",
    ]


def test_boot_id(sandbox: Sandbox) -> None:
    """A machine has the boot id that its record has, unlike any other's."""
    ids = [
        run(sandbox, name, "cat", "/proc/sys/kernel/random/boot_id")
        for name in (ONE, TWO)
    ]
    records = [demand(sandbox.layout, name) for name in (ONE, TWO)]
    assert ids == [str(record.era) for record in records]
    assert len({*ids, Path("/proc/sys/kernel/random/boot_id").read_text().strip()}) == 3


def test_resolver(sandbox: Sandbox) -> None:
    """A look-up fails at once: the resolver is the machine itself."""
    assert run(sandbox, ONE, "cat", "/etc/resolv.conf") == "nameserver 127.0.0.1"


def test_processes_are_its_own(sandbox: Sandbox) -> None:
    """A machine sees its own processes only; the supervisor is the first."""
    shown = run(sandbox, ONE, "sh", "-c", "cat /proc/1/cmdline; ls -d /proc/[0-9]*")
    assert "flocker.sandbox.supervisor" in shown
    assert shown.count("/proc/") < 10


def test_mounts_are_its_own(sandbox: Sandbox) -> None:
    """What a machine mounts nobody else sees."""
    place = mount_volume(sandbox, ONE)
    seen = "test -e $0 && echo yes || echo no"
    tables = [run(sandbox, name, "cat", "/proc/mounts") for name in (ONE, TWO, CONTROL)]
    tables.append(Path("/proc/mounts").read_text())
    assert [str(place) in table for table in tables] == [True, False, False, False]
    assert run(sandbox, TWO, "sh", "-c", seen, str(place)) == "no"


def test_mounts_are_shared_inside(sandbox: Sandbox) -> None:
    """A namespace made in a machine sees what the machine mounts later."""
    line = run(sandbox, ONE, "grep", " /flocker ", "/proc/self/mountinfo")
    assert " shared:" in line


def test_machines_reach_each_other(sandbox: Sandbox) -> None:
    """All machines are in one network."""
    for one, other in [(ONE, TWO), (TWO, ONE), (CONTROL, ONE), (ONE, CONTROL)]:
        await_reached(sandbox, one, other)


def test_not_reached_from_outside(sandbox: Sandbox) -> None:
    """The machine that the sandbox is on has no way to that network."""
    routes = run_sync(["ip", "route"]).out.decode()
    assert "10.77.0" not in routes


def test_partition_and_heal(sandbox: Sandbox) -> None:
    """A node whose cable is cut reaches nobody, until it is plugged in again."""
    await_reached(sandbox, ONE, TWO)
    network.plug(sandbox.layout, TWO, connected=False)
    assert network.is_cut(sandbox.layout, TWO)
    assert not reaches(sandbox, ONE, TWO)
    network.plug(sandbox.layout, TWO, connected=True)
    assert not network.is_cut(sandbox.layout, TWO)
    await_reached(sandbox, ONE, TWO)


@pytest.mark.parametrize("way", network.Way)
def test_one_way(sandbox: Sandbox, way: network.Way) -> None:
    """Of a cable that loses one direction nothing comes through there, and only there.

    What arrives is seen by who counts it; an answer does not come back either way.
    """
    await_reached(sandbox, ONE, TWO)
    network.lose(sandbox.layout, TWO, way)
    sent, heard = knocks(sandbox, TWO, ONE), knocks(sandbox, ONE, TWO)
    expected = (False, True) if way is network.Way.SENT else (True, False)
    assert (sent, heard) == expected
    network.plug(sandbox.layout, TWO, connected=True)
    await_reached(sandbox, ONE, TWO)
    await_reached(sandbox, TWO, ONE)


def knocks(sandbox: Sandbox, one: MachineName, other: MachineName) -> bool:
    """Whether a datagram of one machine arrives at the other, without any answer."""
    listen = [sys.executable, "-c", HEAR, address(other)]
    with Popen(
        [*entering(sandbox.layout, other), *listen], stdin=-1, stdout=-1, text=True
    ) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == "listening\n"
        run(sandbox, one, sys.executable, "-c", SAY, address(other))
        return listener.communicate("said\n")[0] == "heard\n"


SAY = """
import socket, sys
speaker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(3):
    speaker.sendto(b"x", (sys.argv[1], 8001))
"""
HEAR = """
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind((sys.argv[1], 8001))
print("listening", flush=True)
sys.stdin.readline()
listener.settimeout(2)
try:
    listener.recv(9)
    print("heard", flush=True)
except TimeoutError:
    print("silence", flush=True)
"""


def test_slow(sandbox: Sandbox) -> None:
    """A cable can be as slow as one likes, in both directions."""
    await_reached(sandbox, ONE, TWO)
    network.throttle(sandbox.layout, TWO, 8)
    shown = [
        run_sync([*network.entering(place), "tc", "qdisc", "show", "dev", end]).out
        for place, end in (
            (sandbox.layout.switch, TWO),
            (sandbox.layout.network(TWO), "eth0"),
        )
    ]
    assert [b"tbf" in each and b"rate 8Kbit" in each for each in shown] == [True] * 2
    assert reaches(sandbox, ONE, TWO)
    network.plug(sandbox.layout, TWO, connected=True)
    shown = run_sync(
        [*network.entering(sandbox.layout.switch), "tc", "qdisc", "show", "dev", TWO]
    ).out
    assert b"tbf" not in shown


def test_program_starts_again(sandbox: Sandbox) -> None:
    """A program that is killed is started again by the supervisor."""
    await_reached(sandbox, ONE, TWO)
    before = programs_of(sandbox.layout, TWO)["web"]
    send(before, signal.SIGKILL)
    await_reached(sandbox, ONE, TWO)
    after = programs_of(sandbox.layout, TWO)["web"]
    assert after != before


def test_what_a_program_prints_is_kept(sandbox: Sandbox) -> None:
    """The machine's log has the output of its programs."""
    await_reached(sandbox, ONE, TWO)
    fetch = f"import urllib.request as u; u.urlopen('http://{address(TWO)}:{PORT}/')"
    run(sandbox, ONE, sys.executable, "-c", fetch)
    log = sandbox.layout.logs(TWO) / "machine.log"
    until(lambda: "[web] 10.77.0.11 - - " in log.read_text(), "the log", PATIENCE)


def test_kill_leaves_nothing(sandbox: Sandbox) -> None:
    """A killed machine has no process, no mount namespace and no loop device left."""
    layout = sandbox.layout
    place = mount_volume(sandbox, ONE)
    record = demand(layout, ONE)
    held_open = Popen([*entering(layout, ONE, str(place)), "sleep", "1000"])
    detached = "unshare --mount setsid --fork sleep 1000 <>/dev/null >&0 2>&1; echo"
    run(sandbox, ONE, "sh", "-c", detached)
    beside = Popen(
        ["nsenter", f"--target={record.init.pid}", "--mount", "sleep", "1000"]
    )
    until(lambda: look_up(beside.pid) in inside("mnt", record.mounts), "it", PATIENCE)
    before = inside("mnt", record.mounts)
    cluster.kill(sandbox, ONE)
    assert [process for process in before if is_alive(process)] == []
    assert bound_below(layout.volumes / "cluster" / "attached" / ONE) == []
    ended = [held_open.wait(PATIENCE), beside.wait(PATIENCE)]
    assert ended == [-signal.SIGKILL, -signal.SIGKILL]
    cluster.start(sandbox, ONE, web_server)


def test_kill_touches_nobody_else(sandbox: Sandbox) -> None:
    """The other machines keep their processes and their loop devices."""
    mount_volume(sandbox, TWO)
    before = (demand(sandbox.layout, TWO), demand(sandbox.layout, CONTROL))
    devices = bound_below(sandbox.layout.volumes / "cluster" / "attached" / TWO)
    cluster.kill(sandbox, ONE)
    after = (demand(sandbox.layout, TWO), demand(sandbox.layout, CONTROL))
    assert after == before
    found = bound_below(sandbox.layout.volumes / "cluster" / "attached" / TWO)
    assert found == devices != []
    cluster.start(sandbox, ONE, web_server)


def test_kill_says_no_goodbye(sandbox: Sandbox) -> None:
    """Who is connected to a machine that loses power hears nothing of it."""
    await_reached(sandbox, ONE, TWO)
    script = (
        "import socket, sys\n"
        f"s = socket.create_connection(('{address(TWO)}', {PORT}))\n"
        "print('connected', flush=True)\n"
        "s.settimeout(2)\n"
        "try: print('heard', s.recv(1))\n"
        "except TimeoutError: print('silence')\n"
    )
    enter = entering(sandbox.layout, ONE)
    with Popen([*enter, sys.executable, "-c", script], stdout=-1, text=True) as peer:
        assert peer.stdout is not None
        assert peer.stdout.readline() == "connected\n"
        cluster.kill(sandbox, TWO)
        assert peer.stdout.read() == "silence\n"
    cluster.start(sandbox, TWO, web_server)


def test_start_is_a_new_boot(sandbox: Sandbox) -> None:
    """A machine that starts again has a new boot id, no mounts, and is reached."""
    mount_volume(sandbox, ONE)
    before = demand(sandbox.layout, ONE)
    cluster.kill(sandbox, ONE)
    after = cluster.start(sandbox, ONE, web_server)
    boot_id = run(sandbox, ONE, "cat", "/proc/sys/kernel/random/boot_id")
    assert (boot_id, boot_id == str(before.era)) == (str(after.era), False)
    assert run(sandbox, ONE, "ls", "/flocker") == ""
    await_reached(sandbox, TWO, ONE)


def test_control_can_be_killed(sandbox: Sandbox) -> None:
    """Killing control leaves the bridge: the nodes still reach one another."""
    cluster.kill(sandbox, CONTROL)
    await_reached(sandbox, ONE, TWO)
    cluster.start(sandbox, CONTROL, web_server)
    await_reached(sandbox, ONE, CONTROL)


def test_on_and_off(sandbox: Sandbox) -> None:
    """Only a machine that is off is started, only one that is on killed or entered."""
    with pytest.raises(MachineOn):
        cluster.start(sandbox, ONE, web_server)
    cluster.kill(sandbox, ONE)
    with pytest.raises(MachineOff):
        cluster.kill(sandbox, ONE)
    with pytest.raises(MachineOff):
        entering(sandbox.layout, ONE)
    cluster.start(sandbox, ONE, web_server)
