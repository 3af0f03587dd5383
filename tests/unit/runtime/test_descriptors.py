"""Files run out: it is said once."""

import os

from eliot import add_destinations, remove_destination

from flocker.runtime.descriptors import Descriptors, Watch, count


def test_counted(tmp_path):
    """Each name in the directory is one; without the directory all are in use."""
    for name in "012":
        (tmp_path / name).touch()
    found = count(tmp_path)
    assert (found.used, found.scarce) == (3, False)
    missing = count(tmp_path / "none")
    assert (missing.used, missing.scarce) == (missing.limit, True)


def test_of_this_process():
    """An open file counts."""
    before = count().used
    descriptor = os.open(os.devnull, os.O_RDONLY)
    assert count().used == before + 1
    os.close(descriptor)


def test_said_once():
    """It is logged when it begins and when it ends, however often it is looked at."""
    said = []
    hear = said.append
    add_destinations(hear)
    said.clear()  # the first destination is given what was logged before
    found = [Descriptors(used, 100) for used in (10, 90, 100, 95, 20, 20, 100)]
    watch = Watch(lambda: found.pop(0))
    for _ in range(7):
        watch.look()
    remove_destination(hear)
    of_files = [
        (message["message_type"], message.get("why", "")[:9])
        for message in said
        if message.get("message_type", "").startswith("flocker:files:")
    ]
    assert of_files == [
        ("flocker:files:scarce", "90 of 100"),
        ("flocker:files:enough", ""),
        ("flocker:files:scarce", "100 of 10"),
    ]
