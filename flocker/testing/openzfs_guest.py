"""Runs something in a machine with a real OpenZFS, and gives what it left; for tests.

The machine is one of qemu without KVM, which is not to be had everywhere: the same on
every host, and some ten times slower. It has no network and no system but what it is
to run; its disk forgets all when it ends.
"""

import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from attrs import frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import ProcessTimedOut, run_sync
from flocker.testing.openzfs_image import DONE, INIT, PYTHON, GuestImage, image

MEMORY: Final = 2048
"""MiB."""
RESULTS: Final = 64 * 1024 * 1024
"""Bytes that may come out."""
_ROOT = Path(__file__).parents[2]
_SOURCES: Final = ("flocker", "tests", "pyproject.toml")
_UNUSED: Final = (
    *("mypy", "mypyc", "babel", "sphinx", "pip", "setuptools", "docutils", "grimp"),
    *("importlinter", "schemathesis", "jsonschema_rs", "ast_serialize"),
)
"""Large libraries that no test in the guest imports."""
_COMMAND: Final = """#!/usr/bin/python3
from {0} import {1}
{1}()
"""
_LAST_LINES: Final = 60


@frozen
class GuestFailed(FlockerError):
    """The machine did not come to its end; `said` is the end of its console."""

    why: str
    said: str

    def words(self) -> str:
        """Give the reason, and what the console shows."""
        return f"the guest with OpenZFS {self.why}; its console ends with:\n{self.said}"


def run_in_guest(script: str, directory: Path, timeout: float) -> Mapping[str, bytes]:
    """Run a shell script in the tree of this repository; give the files it left.

    Those are what it wrote into ``/result``, by their names, and ``status``, its own
    exit status. `directory` is for files of ours, on a disk with some GiB; `timeout`
    in seconds. Raises `GuestFailed`, and what `openzfs_image.image` raises.
    """
    if sys.version_info[:2] != PYTHON:
        ours = ".".join(map(str, sys.version_info[:2]))
        theirs = ".".join(map(str, PYTHON))
        why = f"has Python {theirs}, and libraries of {ours} would not run in it"
        raise GuestFailed(why, "(it was not started)")
    system = image()
    with tempfile.TemporaryDirectory(prefix="guest-", dir=directory) as made:
        bring, results, console = (
            Path(made) / name for name in ("bring", "results", "console")
        )
        _pack(script, bring)
        with results.open("wb") as file:
            _ = file.truncate(RESULTS)
        argv = _machine(system, bring, results, console)
        try:
            _ = run_sync(argv, timeout=timeout, env={"TMPDIR": str(directory)})
        except ProcessTimedOut as error:
            why = f"was not ready after {timeout:.0f} s"
            raise GuestFailed(why, _end_of(console)) from error
        if DONE not in console.read_text(errors="replace"):
            raise GuestFailed("ended without a result", _end_of(console))
        return dict(_unpack(results))


def _machine(
    system: GuestImage, bring: Path, results: Path, console: Path
) -> Sequence[str]:
    drives = (
        f"file={system.disk},format=raw,if=virtio,snapshot=on,cache=unsafe",
        f"file={bring},format=raw,if=virtio,readonly=on",
        f"file={results},format=raw,if=virtio,cache=unsafe",
    )
    options = f"root=/dev/vda rw console=ttyS0 quiet mitigations=off init={INIT}"
    return (
        *("setpriv", "--pdeathsig", "KILL", "nice", "-n", "5", "qemu-system-x86_64"),
        *("-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max", "-no-reboot"),
        *("-smp", "2", "-m", str(MEMORY)),
        *("-display", "none", "-monitor", "none", "-nic", "none"),
        *("-serial", f"file:{console}", "-device", "virtio-rng-pci"),
        *("-kernel", str(system.kernel), "-initrd", str(system.initrd)),
        *("-append", options),
        *(part for drive in drives for part in ("-drive", drive)),
    )


def _pack(script: str, target: Path) -> None:
    """Write what the guest gets: a tar, padded to whole blocks."""
    with tempfile.TemporaryDirectory() as made, tarfile.open(target, "w") as tar:
        for name, content in {"run": script, **dict(_commands())}.items():
            file = Path(made) / "file"
            _ = file.write_text(content)
            file.chmod(0o755)
            tar.add(file, name)
        for name in _SOURCES:
            tar.add(_ROOT / name, name, filter=_source)
        libraries = Path(sysconfig.get_paths()["purelib"])
        for each in sorted(libraries.iterdir()):
            if (
                each.name.partition("-")[0] not in _UNUSED
                and "__mypyc" not in each.name
            ):
                tar.add(each, f"libraries/{each.name}")


def _source(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out what other processes may write just now."""
    return None if "__pycache__" in member.name else member


def _commands() -> Iterator[tuple[str, str]]:
    """Write Flocker's commands as they are installed."""
    for each in distribution("flocker").entry_points:
        if each.group == "console_scripts":
            yield f"commands/{each.name}", _COMMAND.format(each.module, each.attr)


def _unpack(results: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(results) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                yield member.name.removeprefix("./"), content.read()


def _end_of(console: Path) -> str:
    lines = console.read_text(errors="replace").splitlines() if console.exists() else []
    return "\n".join(lines[-_LAST_LINES:])
