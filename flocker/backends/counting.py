"""A driver whose calls are counted: wraps another one. Made by `registry.build`."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from zope.interface import directlyProvides, providedBy
from zope.interface.interface import InterfaceClass

from flocker.backends.block_interface import IBlockDeviceAPI
from flocker.runtime import metrics


class _Counting:
    """The driver `api`, with a name for the counts. As safe in threads as that."""

    def __init__(self, name: str, api: object) -> None:
        self._name = name
        self._api = api
        directlyProvides(self, providedBy(api))

    def __conform__(self, interface: InterfaceClass) -> object:
        """Offer what else the driver adapts to, counted too."""
        found = interface(self._api, None)
        return None if found is None else _Counting(self._name, found)

    def __getattr__(self, operation: str) -> Any:  # noqa: ANN401  (any driver's method)
        found = getattr(self._api, operation)
        if not callable(found) or operation.startswith("_"):
            return found
        return self._counted(operation, found)

    def _counted(
        self, operation: str, method: Callable[..., object]
    ) -> Callable[..., object]:
        @wraps(method)
        def call(*arguments: object, **named: object) -> object:
            def do() -> object:
                return method(*arguments, **named)

            return metrics.backend_call(self._name, operation, do)

        return call


def counting(name: str, api: IBlockDeviceAPI) -> IBlockDeviceAPI:
    """Count the calls of the driver `api` under `name`."""
    return cast(IBlockDeviceAPI, _Counting(name, api))
