"""A TCP proxy before PostgreSQL that cuts a worker's connection at the moments that hurt."""

import select
import socket
import struct
import threading
from typing import Any, Literal, Self
from urllib.parse import urlsplit

# A Bind of the worker's prepared exchange: the portal has no name, the statement this one.
EXCHANGE = b"\0ow_exchange\0"
READY, COMPLETE, SELECTED = b"Z", b"C", b"SELECT 1\0"
# What the socket before the server holds for a reader that has stopped: little of a large answer.
BUFFER = 4096
# A socket closed with it sends a reset.
NO_LINGER = struct.pack("ii", 1, 0)
Moment = Literal["before", "during", "after"]


class Proxy:
    """`with Proxy(port) as proxy`: listens on `proxy.port`.

    `cut(moment)` arms one cut, made at the next exchange: "before" the server reads it, "during" its work
    (the client is gone, the server goes on), "after" the commit and before the client sees the answer.
    `stop_at(marker)` stops one connection where the marker goes by, after it on the way to the client, before
    it on the way to the server; `stopped` is set then, and `go_on()` ends it. `exchanges` counts exchanges.
    `reset_at(marker)` ends what one client hears behind the marker, with a reset, and counts it in `cuts`.
    """

    def __init__(self, upstream: int, host: str = "127.0.0.1") -> None:
        self._upstream = (host, upstream)
        self._listening = socket.create_server((host, 0))
        self._listening.settimeout(0.2)
        self.port: int = self._listening.getsockname()[1]
        self.cuts = 0
        self.exchanges = 0
        self.stopped = threading.Event()
        self._armed: Moment | None = None
        self._marker: bytes | None = None
        self._reset_at: bytes | None = None
        self._going_on = threading.Event()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._threads = [threading.Thread(target=self._accept, name="proxy")]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._going_on.set()
        for thread in self._threads:
            thread.join()
        self._listening.close()

    def dsn(self, upstream: str) -> str:
        """The same through the proxy; unencrypted, so that it can tell messages apart."""
        parts = urlsplit(upstream)
        host = parts.netloc.rpartition(":")[0] + f":{self.port}"
        return parts._replace(netloc=host, query="sslmode=disable&gssencmode=disable").geturl()

    def cut(self, moment: Moment) -> None:
        self._armed = moment

    def stop_at(self, marker: bytes) -> None:
        self._marker = marker
        self.stopped.clear()
        self._going_on.clear()

    def reset_at(self, marker: bytes) -> None:
        self._reset_at = marker

    def before_reset(self, data: bytes) -> bytes | None:
        """Called with what a server says: what the client still gets of it, if this is where it ends."""
        with self._lock:
            marker = self._reset_at
            if marker is None or marker not in data:
                return None
            self._reset_at = None
        return data[: data.index(marker) + len(marker)]

    def go_on(self) -> None:
        self._going_on.set()

    def wait_where_marked(self, data: bytes) -> None:
        """Called with what goes by; returns at once unless the marker is in it."""
        with self._lock:
            if self._marker is None or self._marker not in data:
                return
            self._marker = None
        self.stopped.set()
        self._going_on.wait()

    def taken(self) -> Moment | None:
        """The cut that is due, once: an exchange was just seen."""
        with self._lock:
            self.exchanges += 1
            armed, self._armed = self._armed, None
            return armed

    def closing(self) -> bool:
        return self._closing.is_set()

    def was_cut(self) -> None:
        with self._lock:
            self.cuts += 1

    def _accept(self) -> None:
        while not self.closing():
            try:
                client, _ = self._listening.accept()
            except TimeoutError:
                continue
            thread = threading.Thread(target=self._serve, args=(client,), name="proxied")
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                server = self._connect()
            except OSError:
                return
            with server:
                try:
                    cut = _Pipe(self, client, server).run()
                except OSError:
                    return
        # Counted when both ends are closed: whoever waits for it finds the cut made.
        if cut:
            self.was_cut()

    def _connect(self) -> socket.socket:
        server = socket.socket()
        server.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER
        )  # before connecting, or it has no effect
        try:
            server.connect(self._upstream)
        except OSError:
            server.close()
            raise
        return server


class _Pipe:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._sent = b""

    def run(self) -> bool:
        """True: it was cut; False: an end was closed."""
        while not self._proxy.closing():
            for end in select.select([self._client, self._server], [], [], 0.2)[0]:
                data: bytes = end.recv(65536)
                if not data:
                    return False
                if end is self._server:
                    last = self._proxy.before_reset(data)
                    if last is not None:
                        self._client.sendall(last)
                        self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
                        return True
                    self._client.sendall(data)
                    self._proxy.wait_where_marked(data)
                    continue
                self._proxy.wait_where_marked(data)
                if self._cut(data):
                    return True
        return False

    def _cut(self, data: bytes) -> bool:
        """Passes the client's bytes on unless this is the exchange to be cut."""
        self._sent = self._sent[-len(EXCHANGE) :] + data
        moment = self._proxy.taken() if EXCHANGE in self._sent else None
        if EXCHANGE in self._sent:
            self._sent = b""
        if moment != "before":
            self._server.sendall(data)
        if moment == "after":
            self._swallow_answer()
        return moment is not None

    def _swallow_answer(self) -> None:
        """Until the exchange's transaction has ended: ReadyForQuery after its command tag."""
        held, selected = b"", False
        self._server.settimeout(10)
        while True:
            held += self._more()
            while (message := _message(held)) is not None:
                held = held[len(message) :]
                selected = selected or (message[:1] == COMPLETE and message[5:] == SELECTED)
                if selected and message[:1] == READY:
                    return

    def _more(self) -> bytes:
        """The server's next bytes; what the client still sends belongs to the same exchange."""
        while True:
            for end in select.select([self._client, self._server], [], [], 10)[0]:
                data: Any = end.recv(65536)
                if not data:
                    raise ConnectionError("an end was closed")
                if end is self._server:
                    return bytes(data)
                self._server.sendall(data)


def _message(held: bytes) -> bytes | None:
    """The first whole message of the server."""
    if len(held) < 5:
        return None
    length = 1 + int.from_bytes(held[1:5], "big")
    return held[:length] if len(held) >= length else None
