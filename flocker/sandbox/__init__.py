"""A whole cluster on one machine: namespaces as nodes, real daemons, real disks."""
