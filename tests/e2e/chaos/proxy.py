"""Stands between the service and PostgreSQL, and cuts the line at the worst moment."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

COMMIT = b"COMMIT\0"  # the end of a simple query (PostgreSQL manual, Message Formats)
BLOCK_BYTES = 65_536


class CommitCutter:
    """Lets each COMMIT through to the server, and of some the answer not back."""

    def __init__(self, folder: Path, server_socket: Path, chance: float, seed: int) -> None:
        self.socket = folder / server_socket.name
        self.cuts = 0
        self._chance = chance
        self._random = random.Random(seed)
        self._server_socket = server_socket
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.socket))
        self._listener.listen(64)

    def url(self, url: str) -> str:
        """A URL of the server, through here."""
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
                if data.endswith(COMMIT) and self._random.random() < self._chance:
                    line.cut = True
                line.server.sendall(data)
        line.leave()

    def _to_client(self, line: "_Line") -> None:
        with suppress(OSError):
            while data := line.server.recv(BLOCK_BYTES):
                if line.cut:
                    self.cuts += 1
                    break
                line.client.sendall(data)
        line.leave()


class _Line:
    """Two connections that end together; two threads carry what comes from each."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.client, self.server, self.cut = client, server, False
        self._lock = threading.Lock()
        self._threads = 2

    def leave(self) -> None:
        """A thread ends: the other one will, and the last closes both."""
        with self._lock:
            self._threads -= 1
            for end in (self.client, self.server):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                if not self._threads:
                    end.close()


@contextmanager
def cutting_commits(folder: Path, server_socket: Path, *, chance: float, seed: int) -> Iterator[CommitCutter]:
    """A proxy for as long as the context lasts."""
    cutter = CommitCutter(folder, server_socket, chance, seed)
    thread = threading.Thread(target=cutter.run)
    thread.start()
    try:
        yield cutter
    finally:
        cutter.close()
        thread.join()
