"""Programs that are read from and written to part by part."""

import threading

import pytest

from flocker.runtime.piping import filtering, reading, writing
from flocker.runtime.process import ProcessFailed, ProgramMissing

LARGE = 3 * 1024 * 1024


def read_all(program):
    parts = []
    while part := program.read(100_000):
        parts.append(part)
    return b"".join(parts)


def test_read():
    """All that a program writes is read, in parts, until it ends well."""
    program = reading(["head", "-c", str(LARGE), "/dev/zero"])
    assert read_all(program) == bytes(LARGE)
    assert program.read(1) == b""
    program.close()


def test_read_of_one_that_fails():
    """The end of a program that fails is no end of its output."""
    program = reading(["sh", "-c", "echo part; echo trouble >&2; exit 3"])
    assert program.read(100) == b"part\n"
    with pytest.raises(ProcessFailed, match="trouble") as caught:
        program.read(100)
    assert caught.value.status == 3
    program.close()


def test_write(tmp_path):
    """All that is written arrives before the program ends."""
    file = tmp_path / "file"
    program = writing(["dd", f"of={file}", "bs=64k"])
    for _ in range(3):
        program.write(bytes(LARGE // 3))
    program.finish()
    assert file.read_bytes() == bytes(LARGE)


def test_write_to_one_that_fails():
    """A program that ends early is asked why."""
    program = writing(["sh", "-c", "echo trouble >&2; exit 3"])
    with pytest.raises(ProcessFailed, match="trouble"):
        program.write(bytes(LARGE))
    program.close()


def test_write_to_one_that_has_enough():
    """A program that ends well but early has not read everything."""
    program = writing(["true"])
    with pytest.raises(ProcessFailed, match="before it had read everything"):
        program.write(bytes(LARGE))
    program.close()


def test_closed_before_the_end(tmp_path):
    """A program that is stopped does not take that for the end of its input."""
    file = tmp_path / "file"
    program = writing(["sh", "-c", 'cat >/dev/null; echo finished >"$1"', "sh", file])
    program.write(b"part")
    program.close()
    program.close()
    assert not file.exists()


def test_closed_from_another_thread():
    """What waits for a program ends when another thread stops it."""
    program = reading(["sleep", "600"])
    threading.Timer(0.1, program.close).start()
    with pytest.raises(ProcessFailed, match="killed by signal 9"):
        program.read(100)


def test_no_such_program():
    """A program that is not there is named."""
    with pytest.raises(ProgramMissing, match="there-is-none"):
        reading(["there-is-none"])


def test_filter():
    """What one thread writes to a program another one reads, however much it is."""
    program = filtering(["cat"])

    def write():
        for _ in range(3):
            program.write(bytes(LARGE // 3))
        program.end_input()

    writer = threading.Thread(target=write)
    writer.start()
    assert read_all(program) == bytes(LARGE)
    writer.join()
    program.close()


def test_filter_that_fails():
    """Both who reads and who writes are told why."""
    program = filtering(["sh", "-c", "exec 0<&-; echo trouble >&2; exit 3"])
    with pytest.raises(ProcessFailed, match="trouble"):
        program.read(100)
    with pytest.raises(ProcessFailed, match="trouble"):
        program.write(bytes(LARGE))
    program.close()


def test_filter_is_killed():
    """Who waits for a program that is killed waits no longer."""
    program = filtering(["sleep", "60"])
    threading.Timer(0.1, program.kill).start()
    with pytest.raises(ProcessFailed, match="signal 9"):
        program.read(100)
    program.close()
