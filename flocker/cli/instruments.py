"""What `flockerctl doctor` looks at the world with."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from attrs import frozen
from cryptography import x509

from flocker.ca.services import ServiceCertificates
from flocker.client.interface import IFlockerClient
from flocker.client.routes import Address
from flocker.model.ids import Era


@frozen
class Instruments:
    """How the world is reached: clients, TLS ports, the clock, the kernel's boot id."""

    client: Callable[[Address, ServiceCertificates], IFlockerClient]
    probe: Callable[[Address, ServiceCertificates], Awaitable[x509.Certificate]]
    now: Callable[[], datetime]
    era: Callable[[], Era]
