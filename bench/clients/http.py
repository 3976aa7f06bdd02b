"""`python -m bench.clients.http PORT CONNECTIONS SECONDS < REQUEST`: a request at a time on each connection.

Plain sockets and epoll, so that the generator takes as little as possible from the server beside it.
"""

import json
import re
import select
import socket
import sys
import time
from dataclasses import dataclass, field

WARM_UP = 1.0
CREATED = b"HTTP/1.1 201 "
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


@dataclass(slots=True)
class Load:
    """Connections in flight; a latency in seconds for each answer within the window."""

    request: bytes
    begin: float
    end: float
    sockets: dict[int, socket.socket] = field(default_factory=dict)
    sent: dict[int, float] = field(default_factory=dict)
    parts: dict[int, bytes] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    def open(self, port: int, poll: select.epoll) -> None:
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets[opened.fileno()] = opened
        poll.register(opened.fileno(), select.EPOLLIN)
        self.send(opened.fileno())

    def send(self, number: int) -> None:
        self.sent[number] = time.monotonic()
        self.parts[number] = b""
        self.sockets[number].sendall(self.request)

    def receive(self, number: int) -> None:
        part = self.sockets[number].recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        self.parts[number] += part
        if is_whole(self.parts[number]):
            self._count(number)
            self.send(number)

    def _count(self, number: int) -> None:
        now = time.monotonic()
        if not self.parts[number].startswith(CREATED):
            self.refused += 1
        elif self.begin <= now <= self.end:
            self.latencies.append(now - self.sent[number])


def is_whole(answer: bytes) -> bool:
    """Whether a response with a Content-Length has arrived to its end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(found) and length is not None and len(body) >= int(length.group(1))


def measure(port: int, connections: int, seconds: float, request: bytes) -> dict[str, float]:
    begin = time.monotonic() + WARM_UP
    load = Load(request, begin, begin + seconds)
    with select.epoll() as poll:
        for _ in range(connections):
            load.open(port, poll)
        while time.monotonic() < load.end:
            for number, _ in poll.poll(0.1):
                load.receive(number)
    for opened in load.sockets.values():
        opened.close()
    return _summary(load, seconds)


def _summary(load: Load, seconds: float) -> dict[str, float]:
    ordered = sorted(load.latencies) or [0.0]
    return {
        "jobs": len(load.latencies),
        "seconds": seconds,
        "refused": load.refused,
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[len(ordered) * 99 // 100],
        "generator_cpu": time.process_time(),
    }


if __name__ == "__main__":
    port, connections, seconds = sys.argv[1:4]
    print(json.dumps(measure(int(port), int(connections), float(seconds), sys.stdin.buffer.read())))
