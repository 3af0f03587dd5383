"""What happens to control's store as a whole: values, as those of `happenings`."""

from attrs import frozen


@frozen
class BackUp:
    """Keep what is stored."""


@frozen
class Restore:
    """Kill control, and start it with what was kept last."""
