"""A whole cluster in one process on one clock: real agents and control, fake worlds."""
