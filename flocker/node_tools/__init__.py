"""Small programs for the machines of a cluster: who am I, and what shall I report."""
