"""A Debian with systemd, for tests of the units: made once, kept by its recipe's hash.

Two layers for an overlay, so that a new library does not mean a new Debian: the system
(debootstrap, a minute), and above it what Flocker needs of PyPI. Used by
`systemd_nodes`; needs root, debootstrap, and at first the network.
"""

import ast
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from flocker.runtime.process import run_sync
from flocker.sandbox.caching import cache_locked, cached

HOME = Path("/opt/flocker")
"""Where the virtual environment is, in the image."""
SUITE = "bookworm"
PYTHON = "3.11"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv"),
    *("e2fsprogs", "util-linux", "mount", "iproute2"),
)
_ROOT = Path(__file__).parents[2]
_CONSTRAINTS = _ROOT / "admin" / "constraints.txt"
_EXTRAS = ("control", "node", "docker")
_LISTS = ("BASE", "CONTROL", "NODE", "DOCKER")
"""Of setup.py; what is installed may be of another tree."""
_GLIBC = (17, 28, 34)
"""Minor versions of glibc whose wheels run on `SUITE`."""
_SOURCES = ("flocker", "setup.py", "pyproject.toml", "README.md", "LICENSE")
_MINUTES = 60.0


@frozen
class Image:
    """Layers of an overlay, the uppermost first."""

    layers: tuple[Path, ...]


def image() -> Image:
    """Give the image, made now if there is none of this recipe.

    Raises `ProcessFailed`, `ProcessTimedOut`, `ProgramMissing`.
    """
    with cache_locked("system"):
        system = cached("system", [SUITE, MIRROR, *PACKAGES], _bootstrap)
        recipe = [system.name, *_requirements(), _CONSTRAINTS.read_text()]
        libraries = cached(
            "libraries", recipe, lambda layer: _install_libraries(system, layer)
        )
    return Image((libraries, system))


def install_flocker(below: Image, layer: Path) -> Image:
    """Build a wheel of this tree and install it, as a layer above an image."""
    with _entered(below.layers, layer) as root:
        sources = root / "src"
        sources.mkdir()
        for name in _SOURCES:
            _copy(_ROOT / name, sources / name)
        pip = ("chroot", str(root), f"{HOME}/bin/pip", "-q", "--no-cache-dir")
        built = ("--no-deps", "--no-build-isolation", "--wheel-dir=/wheel", "/src")
        _ = run_sync([*pip, "wheel", *built], timeout=5 * _MINUTES)
        (wheel,) = (root / "wheel").iterdir()
        found = ("--no-index", f"/wheel/{wheel.name}[{','.join(_EXTRAS)}]")
        _ = run_sync([*pip, "install", *found], timeout=5 * _MINUTES)
        for made in (sources, root / "wheel"):
            shutil.rmtree(made)
    return Image((layer, *below.layers))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("__pycache__")
        _ = shutil.copytree(source, target, ignore=ignored)
    else:
        _ = shutil.copy(source, target)


def _bootstrap(target: Path) -> None:
    sys.stdout.write(f"making a Debian {SUITE} with systemd (once, a minute or two)\n")
    options = ("--variant=minbase", f"--include={','.join(PACKAGES)}")
    command = ["debootstrap", *options, SUITE, str(target), MIRROR]
    _ = run_sync(command, timeout=15 * _MINUTES)
    shutil.rmtree(target / "var/cache/apt/archives")


def _requirements() -> tuple[str, ...]:
    """Name what Flocker needs on servers, and to be built, as setup.py has it."""
    wanted = {"setuptools", "wheel"}
    for statement in ast.parse((_ROOT / "setup.py").read_text()).body:
        match statement:
            case ast.Assign([ast.Name(name)], value) if name in _LISTS:
                wanted.update(ast.literal_eval(value))
    return tuple(sorted(wanted))


def _install_libraries(system: Path, layer: Path) -> None:
    with _entered((system,), layer) as root:
        wheels = root / "wheels"
        _download(wheels)
        inside = ("chroot", str(root))
        _ = run_sync([*inside, "python3", "-m", "venv", str(HOME)], timeout=_MINUTES)
        names = [f"/wheels/{wheel.name}" for wheel in wheels.iterdir()]
        pip = (f"{HOME}/bin/pip", "-q", "install", "--no-index", "--no-deps")
        _ = run_sync([*inside, *pip, *names], timeout=5 * _MINUTES)
        shutil.rmtree(wheels)


def _download(target: Path) -> None:
    """Fetch wheels for the image's Python with our own pip: it knows the way out."""
    machine = platform.machine()
    _ = run_sync(
        [
            *(sys.executable, "-m", "pip", "-q", "download", "--only-binary=:all:"),
            *(f"--dest={target}", f"--constraint={_CONSTRAINTS}"),
            *(f"--python-version={PYTHON}", "--implementation=cp"),
            *(
                f"--abi={abi}"
                for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none")
            ),
            *(f"--platform=manylinux_2_{minor}_{machine}" for minor in _GLIBC),
            *("--platform=any", *_requirements()),
        ],
        env=_environment(),
        timeout=10 * _MINUTES,
    )


def _environment() -> dict[str, str]:
    """Give pip what the user has set for it."""
    kept = ("PIP_", "SSL_", "HTTP", "http", "HOME", "REQUESTS_", "NO_PROXY", "no_proxy")
    return {name: value for name, value in os.environ.items() if name.startswith(kept)}


@contextmanager
def _entered(layers: Sequence[Path], upper: Path) -> Iterator[Path]:
    """Mount an overlay; what is written goes to `upper`, a directory."""
    upper.mkdir(exist_ok=True)
    work, root = upper.with_name(f"{upper.name}.work"), upper.with_name("root")
    for made in (work, root):
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()
    lower = ":".join(str(layer) for layer in layers)
    option = f"lowerdir={lower},upperdir={upper},workdir={work}"
    _ = run_sync(["mount", "-t", "overlay", "-o", option, "overlay", str(root)])
    try:
        yield root
    finally:
        _ = run_sync(["umount", "--recursive", str(root)])
        root.rmdir()
        shutil.rmtree(work)
