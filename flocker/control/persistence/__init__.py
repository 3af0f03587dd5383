"""Where the wanted configuration is durable."""
