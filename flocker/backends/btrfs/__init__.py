"""The pool `btrfs`: copies are subvolumes of a mounted Btrfs."""
