"""Which snapshots of a pool are users'."""

from flocker.testing.pool_disks import of_users


def test_of_users():
    """Those for streams are left out; the others are known by what users call them."""
    names = ["flocker-round-0001", "monday.1a2b3c4d5e6f", "flocker-final-0002"]
    assert of_users(names) == {"monday": "monday.1a2b3c4d5e6f"}
