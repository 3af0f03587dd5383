"""Which mounts nobody uses any more, as the container engine tells it; pure.

Note [What Docker forgets]: a dockerd that is killed unmounts nothing, and after a Mount
that it gave up no Unmount follows. Its mount ids are not its containers', so a mount
cannot be matched with a container; a volume can. While any container of the engine may
use a volume the volume stays leased; when none does, all its mounts end, but for those
that were answered a moment ago: Docker starts a container only when all its volumes are
mounted.

Note [Whose mount]: a mount has the name of its container, where that was clear when it
was answered. While others use the volume, those end whose containers are gone. A name
may be wrong: the container was renamed since, or another did not run when one was
copied from. So as many mounts must be left as containers use the volume; else all stay.
"""

from collections.abc import Iterable, Mapping

from flocker.docker_engine.interface import Container, State
from flocker.docker_plugin.holders import Held, as_kept

SETTLE = 30.0
"""Seconds that Docker has to start a container whose volumes are mounted."""

STOPPED = frozenset({State.CREATED, State.EXITED, State.RESTARTING, State.DEAD})
"""In which a container is while its volumes are mounted for its start."""


def unused(
    held: Mapping[Held, float],
    containers: Iterable[Container],
    driver: str,
    now: float,
) -> frozenset[Held]:
    """Give the mounts that end; `held` has when each was answered, in seconds.

    See Note [What Docker forgets].
    """
    young = frozenset(each.name for each, since in held.items() if since + SETTLE > now)
    used = set(young)
    for container in containers:
        names = container.of(driver)
        if container.uses or names & young:
            used |= names
    return frozenset(each for each in held if each.name not in used)


def gone(
    held: Mapping[Held, float],
    containers: Iterable[Container],
    driver: str,
    now: float,
) -> frozenset[Held]:
    """Give the mounts of containers that are no more, of volumes that others use.

    See Note [Whose mount].
    """
    old = {each: since for each, since in held.items() if since + SETTLE <= now}
    young = frozenset(each.name for each in held.keys() - old.keys())
    users: dict[str, set[str]] = {}
    for container in containers:
        names = container.of(driver)
        if container.uses or names & young:
            for volume in names:
                users.setdefault(volume, set()).add(as_kept(container.name))
    found = set()
    for volume, using in users.items():
        mounts = [each for each in held if each.name == volume]
        strangers = [
            each
            for each in mounts
            if each in old and each.mount.container not in {None, *using}
        ]
        if len(mounts) - len(strangers) >= len(using):
            found.update(strangers)
    return frozenset(found)


def next_look(held: Mapping[Held, float], now: float) -> float | None:
    """Give the seconds until a mount that is young is so no more."""
    left = [since + SETTLE - now for since in held.values() if since + SETTLE > now]
    return min(left, default=None)


def unheld(
    held: Iterable[Held], containers: Iterable[Container], driver: str
) -> Mapping[str, Container]:
    """Give the volumes that containers use and no mount holds, each with a user."""
    names = {each.name for each in held}
    return {
        name: container
        for container in containers
        if container.uses
        for name in container.of(driver) - names
    }


def starting(containers: Iterable[Container]) -> str | None:
    """Name the container for which a volume is mounted now, if it can only be one."""
    found = [each.name for each in containers if each.state in STOPPED]
    return found[0] if len(found) == 1 else None
