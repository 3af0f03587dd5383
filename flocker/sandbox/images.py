"""Images for containers, made of Debian's packages: no registry is asked for them.

An image is what some packages and all they depend on unpack, without what a container
of that kind never uses, with busybox for a shell. apt fetches the packages and checks
their signatures; nothing is installed on this machine.
"""

import os
import shutil
from pathlib import Path

from attrs import field, frozen

from flocker.model.errors import FlockerError
from flocker.runtime.process import Completed, ProcessFailed, run_sync
from flocker.sandbox.caching import cache_locked, cached
from flocker.sandbox.engines import engine_socket
from flocker.sandbox.layout import Layout
from flocker.sandbox.names import MachineName
from flocker.sandbox.requirements import require_image_tools

_LONGEST = 600.0
"""Seconds for one command."""
_MERGED = ("bin", "sbin", "lib", "lib64")
"""Directories of / that are links into /usr, as in every Debian of today."""
_NEVER_USED = (
    *("etc", "usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"),
    *("usr/share/lintian", "usr/share/i18n", "var", "usr/lib/systemd"),
)
_USERS = "root:x:0:0:root:/root:/bin/sh\npostgres:x:999:999::/:/bin/sh\n"
_GROUPS = "root:x:0:\npostgres:x:999:\n"
_START_POSTGRES = """\
#!/bin/sh
# As the images that are called postgres elsewhere: fills an empty PGDATA, then serves.
set -e
if [ "$1" = postgres ] && [ ! -e "$PGDATA" ]; then
    umask 077
    rm -rf "$PGDATA.new" && mkdir -p "$PGDATA.new"
    if [ -n "$POSTGRES_PASSWORD" ]; then
        printf '%s\\n' "$POSTGRES_PASSWORD" >"$PGDATA.new.password"
        initdb -D "$PGDATA.new" -U postgres --locale=C --encoding=UTF8 \\
            --auth-local=trust --auth-host=scram-sha-256 \\
            --pwfile="$PGDATA.new.password"
        rm "$PGDATA.new.password"
        echo 'host all all all scram-sha-256' >>"$PGDATA.new/pg_hba.conf"
        echo "listen_addresses = '*'" >>"$PGDATA.new/postgresql.conf"
    else
        initdb -D "$PGDATA.new" -U postgres --locale=C --encoding=UTF8 --auth=trust
    fi
    mv "$PGDATA.new" "$PGDATA"
fi
exec "$@"
"""


@frozen
class NoSuchImage(FlockerError):
    """No recipe makes an image of this name."""

    name: str

    def words(self) -> str:
        """Name it and those there are."""
        known = ", ".join(sorted(RECIPES))
        return f"there is no recipe for an image {self.name[:80]!r}, only for {known}"


@frozen
class Recipe:
    """How an image is made."""

    name: str
    packages: tuple[str, ...]
    without: tuple[str, ...] = ()
    """Packages that come along and are not unpacked: beginnings of their names."""
    never_used: tuple[str, ...] = ()
    """Patterns of files that are thrown away besides `_NEVER_USED`."""
    files: dict[str, str] = field(factory=dict)
    """Texts that are added; those that begin with ``#!`` can be run."""
    settings: tuple[str, ...] = ()
    """Instructions of a Dockerfile."""

    def lines(self) -> list[str]:
        """Give all that the image depends on."""
        return [repr(self), Path(__file__).read_text()]


BUSYBOX = Recipe("busybox", ("busybox-static",), settings=('CMD ["sh"]',))
POSTGRES = Recipe(
    "postgres",
    ("busybox-static", "postgresql"),
    without=(
        *("perl", "libperl", "libllvm", "libz3", "locales", "libc-l10n", "dpkg"),
        *("openssl", "adduser", "passwd", "debconf", "tar_", "ucf", "ssl-cert"),
        *("postgresql-common", "postgresql-client-common", "usrmerge", "libdb5"),
    ),
    never_used=(
        *("usr/lib/postgresql/*/lib/bitcode", "usr/lib/postgresql/*/lib/llvm*"),
        *("usr/share/postgresql/*/man", "usr/share/postgresql/*/extension/[!p]*"),
        *("usr/share/zoneinfo/*/", "usr/share/perl5", "usr/lib/*/gconv"),
        *("usr/share/bash-completion", "usr/share/doc-base"),
    ),
    files={
        "etc/passwd": _USERS,
        "etc/group": _GROUPS,
        "usr/bin/start-postgres": _START_POSTGRES,
    },
    settings=(
        "ENV PATH=/usr/lib/postgresql/bin:/usr/bin:/usr/sbin",
        "ENV PGDATA=/var/lib/postgresql/data/pgdata",
        "USER postgres",
        "VOLUME /var/lib/postgresql/data",
        'ENTRYPOINT ["start-postgres"]',
        'CMD ["postgres"]',
    ),
)
RECIPES = {recipe.name: recipe for recipe in (BUSYBOX, POSTGRES)}


def image(name: str) -> Path:
    """Give the root of an image as a tar, made now if there is none of this recipe.

    Raises `NoSuchImage`, `CannotMakeSandbox`, and what programs raise.
    """
    recipe = _recipe(name)
    with cache_locked("image"):
        made = cached(f"image.{name}", recipe.lines(), lambda new: _make(recipe, new))
    return made / "root.tar"


def load(layout: Layout, node: MachineName, name: str) -> None:
    """Put an image into a node's Docker; raises as `image` does."""
    tar = image(name)
    changes = [f"--change={setting}" for setting in _recipe(name).settings]
    docker(layout, node, "import", *changes, str(tar), name)


def docker(layout: Layout, node: MachineName, *arguments: str) -> Completed:
    """Run a command of docker against a node's Docker; raises `ProcessFailed`."""
    host = f"unix://{engine_socket(layout, node)}"
    command = ["docker", "--host", host, *arguments]
    return run_sync(command, timeout=_LONGEST)


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise NoSuchImage(name)
    return RECIPES[name]


def _make(recipe: Recipe, new: Path) -> None:
    require_image_tools()
    packages, root = new / "packages", new / "root"
    try:
        _fetch(recipe, packages)
    except ProcessFailed:  # the lists are missing, or older than what is on the servers
        _ = run_sync(["apt-get", "-qq", "update"], timeout=_LONGEST)
        _fetch(recipe, packages)
    for name in _MERGED:
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for package in sorted(packages.glob("*.deb")):
        if not package.name.startswith(recipe.without or " "):
            _unpack(package, root)
    _throw_away(recipe, root)
    for place, text in recipe.files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
        (root / place).chmod(0o755 if text.startswith("#!") else 0o644)
    _add_commands(root)
    ordered = ("--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner")
    pack = ("--create", f"--file={new / 'root.tar'}", f"--directory={root}", ".")
    _ = run_sync(["tar", *ordered, *pack], timeout=_LONGEST)
    shutil.rmtree(packages)
    shutil.rmtree(root)


def _fetch(recipe: Recipe, packages: Path) -> None:
    """Fetch packages and all they depend on, as if nothing were installed here."""
    shutil.rmtree(packages, ignore_errors=True)
    (packages / "partial").mkdir(parents=True)
    nothing = packages / "status"
    nothing.touch()
    options = {
        "Dir::State::status": nothing,
        "Dir::Cache::archives": packages,
        "Dir::Cache::pkgcache": "",
        "Dir::Cache::srcpkgcache": "",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "true",
    }
    given = [f"--option={name}={value}" for name, value in options.items()]
    fetch = ("--yes", "--no-install-recommends", "--download-only", "install")
    _ = run_sync(["apt-get", "-qq", *given, *fetch, *recipe.packages], timeout=_LONGEST)


def _unpack(package: Path, root: Path) -> None:
    script = 'dpkg-deb --fsys-tarfile "$1" | tar -x --keep-directory-symlink -C "$2"'
    _ = run_sync(["sh", "-c", script, "sh", str(package), str(root)], timeout=_LONGEST)


def _throw_away(recipe: Recipe, root: Path) -> None:
    for pattern in (*_NEVER_USED, *recipe.never_used):
        for found in root.glob(pattern):
            if found.is_dir() and not found.is_symlink():
                shutil.rmtree(found)
            else:
                found.unlink()


def _add_commands(root: Path) -> None:
    """Make busybox's commands, and PostgreSQL's without its version in their path."""
    listed = run_sync([str(root / "usr/bin/busybox"), "--list"]).out.decode().split()
    for name in listed:
        place = root / "usr/bin" / name
        if not os.path.lexists(place):
            place.symlink_to("busybox")
    for versioned in root.glob("usr/lib/postgresql/*/bin"):
        target = versioned.relative_to(root / "usr/lib/postgresql")
        (root / "usr/lib/postgresql/bin").symlink_to(target)
    for writable in ("tmp", "var/tmp", "run/postgresql", "var/lib/postgresql/data"):
        (root / writable).mkdir(parents=True, exist_ok=True)
        (root / writable).chmod(0o1777)
    (root / "var/run").symlink_to("/run")
