"""The stream of a snapshot between two agents: TLS, backpressure, checksum."""
