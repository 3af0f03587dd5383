"""The private network of a sandbox: namespaces, a bridge, a cable a node.

The bridge is in control's namespace, so nothing of it is seen from outside and any
number of sandboxes use the same addresses. Each namespace is held by a file of ours in
/run, not by a name of ip-netns(8): that would leave a mount behind.
"""

import json
from enum import Enum
from pathlib import Path

from flocker.runtime.process import ProcessFailed, run_sync
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import (
    CONTROL,
    MachineName,
    address,
    hardware_address,
    interface_address,
)
from flocker.sandbox.processes import held_namespace

_PORT = "eth0"
"""What a node's end of its cable is called; the switch's end has the node's name."""
_WHOLE = (
    "locked off learning on flood on mcast_flood on bcast_flood on"  # see bridge(8)
)


class Way(Enum):
    """A direction on a node's cable, seen from the node."""

    SENT = "sent"
    RECEIVED = "received"


def entering(network: Path) -> list[str]:
    """Give the command before which a command runs in a network namespace."""
    return ["nsenter", f"--net={network}", "--"]


def add_switch(layout: Layout) -> None:
    """Make control's namespace with the bridge in it."""
    _hold(layout.switch)
    _ip(
        layout.switch,
        "link set lo up",
        "link add bridge type bridge",
        "link set bridge up",
        f"addr add {interface_address(CONTROL)} dev bridge",
    )


def add_node(layout: Layout, node: MachineName) -> None:
    """Make a node's namespace and plug its cable in."""
    network = layout.network(node)
    _hold(network)
    _ip(
        layout.switch,
        f"link add {node} type veth peer name {_PORT} netns {network}",
        f"link set {node} master bridge up",
    )
    _ip(
        network,
        "link set lo up",
        f"link set {_PORT} address {hardware_address(node)}",
        f"addr add {interface_address(node)} dev {_PORT}",
        f"link set {_PORT} up",
        f"route add default via {address(CONTROL)}",
    )


def plug(layout: Layout, node: MachineName, *, connected: bool) -> None:
    """Cut a node's cable at the switch, or plug in a whole one."""
    if not connected:
        _ip(layout.switch, f"link set dev {node} down")
        return
    _ip(
        layout.switch,
        f"link set dev {node} up",
        f"link set dev {node} type bridge_slave {_WHOLE}",
    )
    for network, end in _ends(layout, node):
        slow = [*entering(network), *_qdisc("del", end)]
        run_sync(slow, expected=(0, 2))


def lose(layout: Layout, node: MachineName, way: Way) -> None:
    """Lose all that a node sends, or all that is sent to it; `plug` ends it.

    The switch knows no address behind the cable any more, and does not learn one. It
    takes nothing from whom it does not know, or passes nothing on to him.
    """
    port = f"link set dev {node} type bridge_slave"
    nothing_in, nothing_out = "locked on", "flood off mcast_flood off bcast_flood off"
    lost = nothing_in if way is Way.SENT else nothing_out
    _ip(layout.switch, f"{port} learning off {lost}", f"{port} fdb_flush")


def throttle(layout: Layout, node: MachineName, kilobits: int) -> None:
    """Let only so many kilobits a second through a cable each way; `plug` ends it."""
    bucket = ["tbf", "rate", f"{kilobits}kbit", "burst", "2kb", "latency", "60s"]
    for network, end in _ends(layout, node):
        run_sync([*entering(network), *_qdisc("replace", end), *bucket])


def _ends(layout: Layout, node: MachineName) -> tuple[tuple[Path, str], ...]:
    """Give both ends of a node's cable: their namespaces and names there."""
    return (layout.switch, node), (layout.network(node), _PORT)


def _qdisc(verb: str, end: str) -> list[str]:
    return ["tc", "qdisc", verb, "dev", end, "root"]


def cut_if_plugged(layout: Layout, node: MachineName) -> None:
    """Cut a node's cable; nothing happens where a killed run made none."""
    down = ["ip", "link", "set", "dev", node, "down"]
    run_sync([*entering(layout.switch), *down], expected=(0, 1))


def is_cut(layout: Layout, node: MachineName) -> bool:
    """Say whether a node's cable was cut at the switch."""
    if node == CONTROL:
        return False
    shown = ["ip", "-json", "link", "show", "dev", node]
    try:
        completed = run_sync([*entering(layout.switch), *shown])
    except ProcessFailed:
        return True
    return "UP" not in json.loads(completed.out)[0]["flags"]


def remove(layout: Layout, machine: MachineName) -> None:
    """Remove a machine's namespace, with its cable; nothing happens if it has none."""
    network = layout.network(machine)
    if machine != CONTROL and held_namespace(layout.switch) is not None:
        run_sync(
            [*entering(layout.switch), "ip", "link", "del", "dev", machine],
            expected=(0, 1),
        )
    release(network)


def release(network: Path) -> None:
    """Let go of a network namespace; without processes in it the kernel removes it."""
    if held_namespace(network) is not None:
        run_sync(["umount", str(network)])
    network.unlink(missing_ok=True)


def _hold(network: Path) -> None:
    """Make a network namespace that lives as long as its file is mounted."""
    network.parent.mkdir(parents=True, exist_ok=True)
    network.touch(mode=0o600)
    run_sync(["unshare", f"--net={network}", "--", "true"])


def _ip(network: Path, *commands: str) -> None:
    batch = "".join(f"{command}\n" for command in commands)
    run_sync([*entering(network), "ip", "-batch", "-"], stdin=batch.encode())
