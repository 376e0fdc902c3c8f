"""A proxy between the service and PostgreSQL that cuts a line or stops reading at the worst moment."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from psycopg2.extensions import parse_dsn

COMMIT = b"COMMIT\0"  # the end of a simple query (PostgreSQL manual, Message Formats)
BLOCK_BYTES = 65_536
ProxyT = TypeVar("ProxyT", bound="Proxy")


class Proxy:
    """Passes everything on."""

    def __init__(self, folder: str, url: str) -> None:
        (self._server_socket,) = Path(parse_dsn(url)["host"]).glob(".s.PGSQL.*[0-9]")
        self.socket = Path(folder, self._server_socket.name)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(64)

    def url(self, url: str) -> str:
        """The URL of the server through this proxy."""
        return url.replace(
            quote(str(self._server_socket.parent), safe=""), quote(str(self.socket.parent), safe="")
        )

    def run(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(str(self._server_socket))
                except OSError:
                    client.close()
                    server.close()
                    continue
                line = _Line(client, server)
                threading.Thread(target=self._to_server, args=(line,), daemon=True).start()
                threading.Thread(target=self._to_client, args=(line,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _to_server(self, line: "_Line") -> None:
        with suppress(OSError):
            while data := line.client.recv(BLOCK_BYTES):
                self._asked(line, data)
                line.server.sendall(data)
        line.leave()

    def _to_client(self, line: "_Line") -> None:
        with suppress(OSError):
            while (data := line.server.recv(BLOCK_BYTES)) and self._answered(line, data):
                line.client.sendall(data)
        line.leave()

    def _asked(self, line: "_Line", data: bytes) -> None:
        """Called with each block that is sent to the server."""

    def _answered(self, line: "_Line", data: bytes) -> bool:
        """Called with each block that is sent to the client; False ends the line."""
        return True


class CommitCutter(Proxy):
    """Passes each COMMIT on to the server, and withholds some of the answers."""

    def __init__(self, folder: str, url: str, chance: float, seed: int) -> None:
        super().__init__(folder, url)
        self.cuts = 0
        self._chance = chance
        self._random = random.Random(seed)

    def _asked(self, line: "_Line", data: bytes) -> None:
        if data.endswith(COMMIT) and self._random.random() < self._chance:
            line.cut = True

    def _answered(self, line: "_Line", data: bytes) -> bool:
        self.cuts += line.cut
        return not line.cut


class Staller(Proxy):
    """Stops reading from the server on the first line that has sent `after_bytes`.

    Nothing is closed, so neither side notices.
    """

    def __init__(self, folder: str, url: str, after_bytes: int) -> None:
        super().__init__(folder, url)
        self.stalls = 0
        self._after_bytes = after_bytes
        self._closing = threading.Event()

    def close(self) -> None:
        self._closing.set()
        super().close()

    def _answered(self, line: "_Line", data: bytes) -> bool:
        line.answered_bytes += len(data)
        if line.answered_bytes > self._after_bytes and not self.stalls:
            self.stalls += 1
            self._closing.wait()
        return True


class _Line:
    """Two connections that end together; each has a thread that carries its data."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server = client, server
        self.cut, self.answered_bytes = False, 0
        self._lock = threading.Lock()
        self._threads = 2

    def leave(self) -> None:
        """Called when a thread ends: it ends the other one, and the last one closes both."""
        with self._lock:
            self._threads -= 1
            for end in (self.client, self.server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                if not self._threads:
                    end.close()


@contextmanager
def running(proxy: ProxyT) -> Iterator[ProxyT]:
    """A proxy for as long as the context lasts."""
    thread = threading.Thread(target=proxy.run)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
