"""The disks of a new sandbox: certificates, agent.yml, directories.

The certificates are made in this process, by what `flocker-ca` uses too.
"""

import json
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from uuid import uuid4

import yaml

from flocker.ca.authority import Authority
from flocker.ca.credentials import KeyType
from flocker.ca.files import write_credential
from flocker.ca.names import CLUSTER, CONTROL_SERVICE, NODE_FILE
from flocker.model.ids import ClusterID, NodeID
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import (
    AGENT_PORT,
    CONTAINER_NETWORKS,
    CONTROL,
    MachineName,
    address,
    bridge_address,
    machine_names,
    node_names,
)
from flocker.sandbox.pools import SHARED, furnish_pool, settings_of
from flocker.sandbox.records import write_text

USER = "user"
"""Whose certificates a sandbox's clients use."""
PLUGIN = "plugin"
"""Whose certificates a node's Docker plugin uses."""
_PRIVATE = 0o700


def furnish(layout: Layout, nodes: int, now: datetime, backend: str = SHARED) -> None:
    """Make the directories, certificates and disks of a sandbox that has none yet.

    Raises the errors of `flocker.ca`.
    """
    layout.data.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    for directory in (layout.authority, layout.client, layout.volumes):
        directory.mkdir(mode=_PRIVATE)
    for machine in machine_names(nodes):
        layout.machine(machine).mkdir(mode=_PRIVATE)
        layout.logs(machine).mkdir(mode=_PRIVATE, parents=True)
    (layout.machine(CONTROL) / "data").mkdir(mode=_PRIVATE)
    _certify(layout, nodes, now)
    for node in node_names(nodes):
        settings = agent_settings(layout, node, backend)
        write_text(layout.machine(node) / "agent.yml", settings)
        if backend != SHARED:
            furnish_pool(layout, node, backend)


def agent_settings(layout: Layout, node: MachineName, backend: str = SHARED) -> str:
    """Write a node's agent.yml."""
    settings = {
        "version": 1,
        "control-service": {"hostname": address(CONTROL), "port": AGENT_PORT},
        "dataset": settings_of(layout, node, backend),
    }
    return yaml.safe_dump(settings, sort_keys=False)


def furnish_engines(layout: Layout, nodes: int) -> None:
    """Write the settings of each node's Docker."""
    for node in node_names(nodes):
        settings = json.dumps(engine_settings(layout, node), indent=2)
        write_text(layout.engine_settings(node), f"{settings}\n")


def engine_settings(layout: Layout, node: MachineName) -> dict[str, Any]:
    """Let a node's Docker share nothing with the host's: data, groups, networks."""
    return {
        "data-root": str(layout.machine(node) / "docker"),
        "cgroup-parent": f"/{layout.control_groups}/{node}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
        "bip": bridge_address(node),
        "default-address-pools": [{"base": CONTAINER_NETWORKS, "size": 24}],
        "dns": [address(CONTROL)],
        "live-restore": False,
    }


def _certify(layout: Layout, nodes: int, now: datetime) -> None:
    kind = KeyType.ECDSA
    cluster = ClusterID(uuid4())
    authority = Authority.found(f"sandbox-{layout.name}", cluster, kind, now)
    hosts = (ip_address(address(CONTROL)), CONTROL)
    owners = {
        layout.authority: {CLUSTER: authority.credential},
        layout.machine(CONTROL): {CONTROL_SERVICE: authority.control(hosts, kind, now)},
        layout.client: {USER: authority.user(USER, kind, now)},
    }
    plugin = authority.user(PLUGIN, kind, now)
    for node in node_names(nodes):
        credential = authority.node(NodeID(uuid4()), kind, now)
        owners[layout.machine(node)] = {NODE_FILE: credential, PLUGIN: plugin}
    trusted = authority.credential.certificate_pem().decode()
    for directory, credentials in owners.items():
        for name, credential in credentials.items():
            write_credential(directory, name, credential)
        write_text(directory / f"{CLUSTER}.crt", trusted)
