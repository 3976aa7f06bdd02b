"""Free TCP ports on 127.0.0.1."""

import socket


def is_free(port: int) -> bool:
    """Whether a server could listen there now; a socket in TIME_WAIT does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def choose(*wanted: int | None) -> int:
    """The first of the wanted ports that is free, else one that the kernel gives."""
    for port in wanted:
        if port is not None and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
