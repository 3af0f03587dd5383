"""Tests of pools that are of Btrfs and of ZFS: which of them every run has.

The fixture `pools` gives the cluster whose backend is its parameter, one for all tests
of a module. On ZFS most take place in ``admin/test --all`` only: what is above pools is
the same code.
"""

import pytest

BTRFS, ZFS = "btrfs", "zfs"
_SLOW_ZFS = pytest.param(ZFS, marks=pytest.mark.slow)


def _on(*backends: object) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pools", backends, indirect=True, scope="module")


both = _on(BTRFS, ZFS)
"""On both in every run: the backends differ in it."""
both_slowly = _on(BTRFS, _SLOW_ZFS)
"""On ZFS in long runs only."""
only_btrfs = _on(BTRFS)
"""What differs is not the backend."""
only_zfs = _on(ZFS)
"""There is nothing like it elsewhere."""
zfs_slowly = _on(_SLOW_ZFS)
"""The same, in long runs only."""
