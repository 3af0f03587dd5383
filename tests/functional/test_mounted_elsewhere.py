"""Whether the kernel shows a filesystem at another place, as a container has it."""

import subprocess
import sys
from pathlib import Path

from flocker.runtime.mounted import is_elsewhere
from flocker.testing.side_by_side import while_none_runs

PROGRAM = """
import subprocess, sys
subprocess.run(["mount", "--bind", sys.argv[1], sys.argv[2]], check=True)
print("ready", flush=True)
sys.stdin.read()
"""


def mount(*arguments: str | Path) -> None:
    """Run mount(8)."""
    subprocess.run(["mount", *map(str, arguments)], check=True)


def test_is_elsewhere(tmp_path: Path) -> None:
    """A bind mount counts, here or in another namespace; a copied mount does not."""
    ours, other = tmp_path / "ours", tmp_path / "other"
    ours.mkdir()
    other.mkdir()
    assert not is_elsewhere(ours)
    mount("-t", "tmpfs", "test", ours)
    try:
        assert not is_elsewhere(ours)
        inside = ["unshare", "--mount", "--propagation", "private"]
        program = [sys.executable, "-c", PROGRAM, str(ours), str(other)]
        with (
            while_none_runs(),
            subprocess.Popen(
                [*inside, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            ) as container,
        ):
            assert container.stdout is not None
            assert container.stdout.readline() == b"ready\n"
            assert is_elsewhere(ours)
            container.kill()
        assert not is_elsewhere(ours)
        mount("--bind", ours, other)
        assert is_elsewhere(ours)
        subprocess.run(["umount", str(other)], check=True)
    finally:
        subprocess.run(["umount", str(ours)], check=True)
