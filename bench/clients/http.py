"""`python -m bench.clients.http PORT CONNECTIONS SECONDS < REQUESTS`: a request at a time on each connection.

The input: the request that makes a job, a NUL, and the request for its result with {id} in it, or nothing.
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
SEPARATOR = b"\0"
CREATED, FOUND = b"HTTP/1.1 201 ", b"HTTP/1.1 200 "
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_ID = re.compile(rb'"id": ?(\d+)')


@dataclass(slots=True)
class Load:
    """Connections in flight; a latency in seconds for each job that was answered within the window."""

    request: bytes
    follow: bytes
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
        self.begin_job(opened.fileno())

    def begin_job(self, number: int) -> None:
        self.sent[number] = time.monotonic()
        self.send(number, self.request)

    def send(self, number: int, request: bytes) -> None:
        self.parts[number] = b""
        self.sockets[number].sendall(request)

    def receive(self, number: int) -> None:
        part = self.sockets[number].recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        self.parts[number] += part
        if is_whole(self.parts[number]):
            self._answered(number, self.parts[number])

    def _answered(self, number: int, answer: bytes) -> None:
        if self.follow and answer.startswith(CREATED):
            self.send(number, followed(self.follow, answer))
        else:
            self._count(number, answer.startswith(FOUND if self.follow else CREATED))
            self.begin_job(number)

    def _count(self, number: int, accepted: bool) -> None:
        now = time.monotonic()
        if not accepted:
            self.refused += 1
        elif self.begin <= now <= self.end:
            self.latencies.append(now - self.sent[number])


def is_whole(answer: bytes) -> bool:
    """Whether a response with a Content-Length has arrived to its end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head + b"\r\n")
    return bool(found) and length is not None and len(body) >= int(length.group(1))


def followed(request: bytes, answer: bytes) -> bytes:
    """The request for the result of the job that the answer names."""
    found = _ID.search(answer)
    if found is None:
        raise ValueError("an answer without an id")
    return request.replace(b"{id}", found.group(1))


def measure(port: int, connections: int, seconds: float, requests: bytes) -> dict[str, float]:
    begin = time.monotonic() + WARM_UP
    request, _, follow = requests.partition(SEPARATOR)
    load = Load(request, follow, begin, begin + seconds)
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
