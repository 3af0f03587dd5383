"""flocker-docker-plugin: this node's Docker uses the cluster's datasets as volumes."""

from pathlib import Path
from secrets import SystemRandom
from typing import NoReturn

from attrs import frozen
from twisted.internet.defer import maybeDeferred

from flocker import __version__
from flocker.ca.services import load_service_directory
from flocker.client.http import connect
from flocker.client.routes import Address
from flocker.daemons.agent_file import read_agent_file
from flocker.docker_engine.client import engine_at
from flocker.docker_plugin import api
from flocker.docker_plugin.plugin import Plugin, World, calls_of
from flocker.docker_plugin.socket import serve
from flocker.runtime.clock import SteadyClock
from flocker.runtime.era import read_era
from flocker.runtime.logging import message
from flocker.runtime.main import Stop, run_service
from flocker.runtime.mounted import is_elsewhere, mounted_paths
from flocker.runtime.reactor import IReactor
from flocker.runtime.threads import Threads

CERTIFICATE = "plugin"
"""The file of its certificate, a user's, beside agent.yml."""
KERNEL_THREADS = 2


@frozen
class Options:
    """What the command line says."""

    agent_config: Path
    rest_api_port: int
    socket: Path
    docker_socket: Path


def plug(
    agent_config: Path, rest_api_port: int, socket: Path, docker_socket: Path
) -> NoReturn:
    """Be the plugin until the process is told to end."""
    options = Options(agent_config, rest_api_port, socket, docker_socket)

    async def start(reactor: IReactor) -> Stop:
        return await _start(reactor, options)

    run_service(start)


async def _start(reactor: IReactor, options: Options) -> Stop:
    config = read_agent_file(options.agent_config)
    clock = SteadyClock()
    certificates = load_service_directory(
        options.agent_config.parent, CERTIFICATE, now=clock.now()
    )
    addresses = [Address(host, options.rest_api_port) for host in config.hosts]
    client = connect(addresses, certificates.authority, certificates.own, reactor)
    threads = Threads(reactor, "kernel", KERNEL_THREADS)
    threads.start()
    plugin = Plugin(
        client,
        World(
            clock=reactor,
            now=clock.now,
            era=read_era,
            paths=mounted_paths,
            in_use=lambda path: threads.run(is_elsewhere, path),
            chance=SystemRandom().random,
            engine=engine_at(options.docker_socket, reactor),
            driver=options.socket.stem,
        ),
        config.docker,
    )
    port = await serve(reactor, options.socket, api.site(calls_of(plugin), reactor))
    plugin.start()
    message(
        "flocker:docker-plugin:started",
        version=__version__,
        socket=options.socket,
        control=[str(address) for address in addresses],
    )

    async def stop() -> None:
        await maybeDeferred(port.stopListening)
        plugin.stop()
        await threads.stop()

    return stop
