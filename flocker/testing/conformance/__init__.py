"""One suite an interface: run it on your implementation."""
