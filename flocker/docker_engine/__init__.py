"""Docker's Engine API over its UNIX socket: what runs here, and what happens."""
