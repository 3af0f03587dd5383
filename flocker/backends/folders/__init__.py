"""Pools whose copies are folders of one filesystem: what Btrfs and directory share."""
