"""The pool `zfs`: copies are filesystems of an imported ZFS pool."""
