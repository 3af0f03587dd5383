"""In-memory stand-ins that pass the conformance suite of the real thing."""
