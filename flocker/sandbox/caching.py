"""What takes long to make is made once and kept, by the hash of its recipe.

A directory a recipe. It is made beside its place and renamed, so whoever is killed on
the way leaves nothing that counts; the next one throws it away.
"""

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CACHE = Path("/var/cache/flocker-test")
"""Not in the tree: there whoever called admin/test gets all files for his own."""


@contextmanager
def cache_locked(what: str) -> Iterator[None]:
    """Be the only one who makes something of this name; nobody else waits."""
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (CACHE / f"lock.{what}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cached(kind: str, recipe: Sequence[str], make: Callable[[Path], None]) -> Path:
    """Give the directory of a recipe; a half made one and those of old recipes go.

    Hold `cache_locked`.
    """
    key = hashlib.sha256("\n".join(recipe).encode()).hexdigest()[:12]
    made = CACHE / f"{kind}-{key}"
    if not made.exists():
        for old in CACHE.glob(f"{kind}-*"):
            shutil.rmtree(old)
        new = CACHE / f"new-{kind}"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        make(new)
        _ = new.rename(made)
    return made
