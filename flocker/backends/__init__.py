"""Where volumes live: the drivers and the interfaces they implement."""
