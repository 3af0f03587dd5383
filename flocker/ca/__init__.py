"""The cluster's certificates: made, stored, and enforced in the TLS handshake."""
