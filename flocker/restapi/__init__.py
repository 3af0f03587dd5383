"""The door for clients: REST over mutual TLS."""
