"""nginx as a process in front of the service, with the file that operators use."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import Service, free_port, wait_until
from tests.support.edited import edited

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "nginx.conf"
AROUND_IT = """
user root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/bulkimport.conf;
}}
"""

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed (Debian: nginx)"
)


@dataclass(frozen=True)
class Nginx:
    """A running nginx: its port and the folder of its files."""

    port: int
    folder: Path

    @property
    def access_log(self) -> str:
        return (self.folder / "access.log").read_text()

    @property
    def error_log(self) -> str:
        return (self.folder / "bulkimport-error.log").read_text()


@contextmanager
def running_nginx(service: Service, folder: Path, edits: dict[str, str] | None = None) -> Iterator[Nginx]:
    """nginx in front of web, with deploy/nginx.conf except for ports, paths and `edits`."""
    folder.mkdir()
    port = free_port()
    here = {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service.port};",
        "    listen 80;": f"    listen 127.0.0.1:{port};",
        "/var/log/nginx/bulkimport.log": f"{folder}/access.log",
        "/var/log/nginx/bulkimport-error.log": f"{folder}/bulkimport-error.log",
    }
    text = edited(CONFIGURATION.read_text("utf-8"), here | (edits or {}))
    (folder / "bulkimport.conf").write_text(text, "utf-8")
    (folder / "nginx.conf").write_text(AROUND_IT.format(folder=folder), "utf-8")
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "start.log")]
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_until(lambda: _listens(process, port, folder), "nginx listens")
        yield Nginx(port, folder)
    finally:
        process.terminate()
        process.wait(10)


def _listens(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> bool:
    assert process.poll() is None, (folder / "output.log").read_text() + (folder / "start.log").read_text()
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
