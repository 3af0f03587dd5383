"""For authors of drivers and stores: builders, verified fakes, conformance suites."""
