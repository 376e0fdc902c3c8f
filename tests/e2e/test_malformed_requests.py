"""Requests that break HTTP/1.1, at gunicorn and at nginx: no success, and nothing smuggled behind them.

The sections are RFC 9112's. Each request is followed on its connection by one that must not be answered. Only
behind a chunked body that nginx can read, that is the next request.
"""

import hashlib
import re
import socket
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import bearer
from tests.e2e.conftest import Service
from tests.support.nginx import needs_nginx, running_nginx

QUIET_S = 1.0
TOKEN = bearer()["Authorization"].encode()
MARK = b"marked-value"  # in place of a token, or after a question mark: it must not reach a log
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-ID: smuggled\r\n\r\n"
FILE = b"identifier,name,type,valid_from,is_active\nA,B,device,2024-01-15,yes\n"
LINE = b"POST /api/v1/assets/bulk HTTP/1.1"


def upload(*fields: bytes, body: bytes = FILE, line: bytes = LINE, host: bytes = b"Host: x\r\n") -> bytes:
    """An upload that would be accepted if it were not for these fields."""
    common = host + b"Authorization: " + TOKEN + b"\r\nContent-Type: text/csv"
    return b"\r\n".join((line, common, *fields, b"", b"")) + body


def get(*fields: bytes, line: bytes = b"GET /livez HTTP/1.1") -> bytes:
    return b"\r\n".join((line, b"Host: x", *fields, b"", b""))


def encoded(coding: bytes, *fields: bytes, line: bytes = LINE) -> bytes:
    return upload(b"Transfer-Encoding:" + coding, *fields, body=WHOLE, line=line)


def chunked(body: bytes) -> bytes:
    return upload(b"Transfer-Encoding: chunked", body=body)


def of_length(size: bytes) -> bytes:
    return upload(b"Content-Length: " + size)


SIZE = b"%d" % len(FILE)
LENGTH = b"Content-Length: " + SIZE
CHUNK = b"%x\r\n%b\r\n" % (len(FILE), FILE)
WHOLE = CHUNK + b"0\r\n\r\n"

# The end of such a request is unknown or not to be trusted, so the connection is closed.
WITHOUT_END: dict[str, dict[str, bytes]] = {
    "2.2 message format": {
        "bare CR within a value": get(b"X-A: a\rb"),
        "NUL within a value": get(b"X-A: a\0b"),
        "white space before the first field": get().replace(b"\r\nHost", b"\r\n Host"),
        "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK + b"\r\n\r\n",
        "an SSH banner": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    },
    "2.3 version": {
        "no version": get(line=b"GET /livez"),
        "another protocol": get(line=b"GET /livez HTTPS/1.1"),
        "lower case": get(line=b"GET /livez http/1.1"),
        "two digits": get(line=b"GET /livez HTTP/1.11"),
        "major 0": get(line=b"GET /livez HTTP/0.9"),
        "major 2": get(line=b"GET /livez HTTP/2.0"),
        "no minor": get(line=b"GET /livez HTTP/1"),
        "something behind it": get(line=b"GET /livez HTTP/1.1 x"),
        "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    },
    "3.1 method": {
        "a separator": get(line=b"GE(T /livez HTTP/1.1"),
        "lower case": get(line=b"get /livez HTTP/1.1"),
        "none": get(line=b" /livez HTTP/1.1"),
        "a colon": get(line=b"GET: /livez HTTP/1.1"),
        "bytes beyond ASCII": get(line=b"G\xc3\x8bT /livez HTTP/1.1"),
    },
    "3.2 request target": {
        "relative": get(line=b"GET livez HTTP/1.1"),
        "asterisk": get(line=b"GET * HTTP/1.1"),
        "authority": get(line=b"CONNECT x:443 HTTP/1.1"),
        "a space": get(line=b"GET /livez livez HTTP/1.1"),
        "a tab": get(line=b"GET\t/livez\tHTTP/1.1"),
        "NUL": get(line=b"GET /livez\0 HTTP/1.1"),
        "a control character": get(line=b"GET /livez\x01 HTTP/1.1"),
        "empty": get(line=b"GET  HTTP/1.1"),
        "too long": get(line=b"GET /livez?" + MARK * 2_000 + b" HTTP/1.1"),
        "no Host": upload(LENGTH, host=b""),
        "two Hosts": upload(LENGTH, host=b"Host: x\r\nHost: y\r\n"),
    },
    "5 field syntax": {
        "a space before the colon": upload(b"Content-Length : " + SIZE),
        "a tab before the colon": upload(b"Transfer-Encoding\t: chunked", body=WHOLE),
        "a space within the name": get(b"X A: b"),
        "no colon": get(b"Authorization Bearer " + MARK),
        "no name": get(b": b"),
        "NUL within the name": get(b"X\0A: b"),
        "folded": get(b"X-A: a\r\n b"),
        "folded Transfer-Encoding": encoded(b"\r\n chunked"),
        "folded Content-Length": upload(b"Content-Length:\r\n\t" + SIZE),
        "folded token": upload(b"X-A: a\r\n " + MARK, LENGTH),
        "too large": get(b"X-A: " + MARK * 2_000),
    },
    "6.1 Transfer-Encoding": {
        "and Content-Length": encoded(b" chunked", LENGTH),
        "and Content-Length that ends sooner": encoded(b" chunked", b"Content-Length: 4"),
        "twice": encoded(b" chunked", b"Transfer-Encoding: chunked"),
        "chunked, chunked": encoded(b" chunked, chunked"),
        "chunked, identity": encoded(b" chunked, identity"),
        "chunked is not the last": encoded(b" chunked, gzip"),
        "gzip alone": encoded(b" gzip"),
        "identity": encoded(b" identity", LENGTH),
        "unknown": encoded(b" xchunked"),
        "quoted": encoded(b' "chunked"'),
        "a vertical tab before it": encoded(b" \x0bchunked"),
        "empty": encoded(b"", LENGTH),
        "in HTTP/1.0": encoded(b" chunked", line=LINE.replace(b"1.1", b"1.0")),
    },
    "6.2 Content-Length": {
        "two that differ": upload(LENGTH, b"Content-Length: 0"),
        "two that agree": upload(LENGTH, LENGTH),
        "a list": of_length(SIZE + b", " + SIZE),
        "a sign": of_length(b"+" + SIZE),
        "negative": of_length(b"-1"),
        "hexadecimal": of_length(b"0x43"),
        "an underscore": of_length(b"6_7"),
        "a fraction": of_length(b"67.0"),
        "a space within": of_length(b"6 7"),
        "digits of another script": of_length("٦٧".encode()),
        "a superscript": of_length(b"\xb2"),
        "empty": of_length(b""),
        "beyond 64 bits": of_length(b"9" * 30),
    },
    "7.1 chunked": {
        "a size that is not a number": chunked(b"z\r\n%b\r\n0\r\n\r\n" % FILE),
        "a sign": chunked(b"+" + WHOLE),
        "negative": chunked(b"-" + WHOLE),
        "a prefix": chunked(b"0x" + WHOLE),
        "an underscore": chunked(b"4_" + WHOLE[1:]),
        "a space before the size": chunked(b" " + WHOLE),
        "no size": chunked(b"\r\n" + WHOLE),
        "a size beyond 64 bits": chunked(b"1" + b"0" * 16 + WHOLE),
        "data longer than the size": chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(FILE) - 2, FILE)),
        "no CRLF behind the data": chunked(b"%x\r\n%b0\r\n\r\n" % (len(FILE), FILE)),
        "bare CR behind the size": chunked(WHOLE.replace(b"\r\n", b"\rX", 1)),
        "a bare CR within an extension": chunked(b"%x;a\rb\r\n%b\r\n0\r\n\r\n" % (len(FILE), FILE)),
        "a chunk without its end": chunked(CHUNK[:-2] + b"0\r\n\r\n"),
    },
}
# gunicorn refuses every chunked body. nginx finds the end of these, not all of them valid, and forwards their
# data alone, with a Content-Length. It reads a bare LF as the end of a line, and ignores trailers.
READ_BY_NGINX = {
    "7.1 chunked": {
        "as it should be": chunked(WHOLE),
        "in capitals": encoded(b" CHUNKED "),
        "an extension": chunked(b"%x;a=b\r\n%b\r\n0;c\r\n\r\n" % (len(FILE), FILE)),
        "leading zeros": chunked(b"000" + WHOLE),
        "bare LF behind the size": chunked(WHOLE.replace(b"\r\n", b"\n", 1)),
        "a trailer without a colon": chunked(CHUNK + b"0\r\nContent-Length\r\n\r\n"),
        "a trailer that says a length": chunked(CHUNK + b"0\r\nContent-Length: 4\r\n\r\n"),
        "a trailer that says another coding": chunked(CHUNK + b"0\r\nTransfer-Encoding: gzip\r\n\r\n"),
    },
}
# Refused, too, but their end is clear, so the connection may stay open.
WITH_AN_END: dict[str, dict[str, bytes]] = {
    "3.1 method": {
        "unknown": get(line=b"BREW /livez HTTP/1.1"),
        "TRACE": get(line=b"TRACE /livez HTTP/1.1"),
    },
    "3.2 request target": {
        "above the root": get(line=b"GET /../../etc/passwd HTTP/1.1"),
        "a broken escape": get(line=b"GET /%zz HTTP/1.1"),
    },
    "5 field syntax": {
        "a separator within the name": get(b"X(A): b"),
        "bytes beyond ASCII within the name": get("X-Ä: b".encode()),
        "a control character within the value": get(b"X-A: \x07"),
        "DEL within the value": get(b"X-A: \x7f"),
        "too many": get(*(b"X-%d: 1" % number for number in range(200))),
    },
}
# Section 2.2 lets a recipient read a bare LF as the end of a line. nginx does, and passes on CRLF; gunicorn
# does not. The service ignores Host, even an invalid one. Only nginx limits the total size of large fields.
AT_GUNICORN_ONLY = {
    "2.2 message format": {
        "bare LF behind the request line": get().replace(b"\r\n", b"\n", 1),
        "bare LF everywhere": get().replace(b"\r\n", b"\n"),
    }
}
AT_NGINX_ONLY = {
    "3.2 request target": {"an invalid Host": upload(LENGTH, host=b"Host: a b\r\n")},
    "5 field syntax": {
        "too large together": get(*(b"X-%d: %b" % (number, b"a" * 7_000) for number in range(20)))
    },
}


def test_gunicorn_alone_refuses_them(service: Service) -> None:
    web = service.start_web()
    faults = [*faults_of(service.port, WITHOUT_END), *faults_of(service.port, AT_GUNICORN_ONLY)]
    faults += faults_of(service.port, READ_BY_NGINX)
    faults += faults_of(service.port, WITH_AN_END, ends=False)
    assert faults == []
    assert web.poll() is None
    require_nothing_left(service, service.log)


def test_no_header_moves_the_application_to_another_path(service: Service) -> None:
    """gunicorn would let loopback do so, which is where nginx is."""
    service.start_web()
    for header in (b"SCRIPT_NAME: /elsewhere", b"SCRIPT_NAME: /livez", b"X-Forwarded-Proto: https"):
        assert statuses(received(service.port, get(header), most=1, quiet_s=30)) == [200]


@needs_nginx
def test_nginx_refuses_them_before_gunicorn(service: Service, tmp_path: Path) -> None:
    service.start_web()
    with running_nginx(service, tmp_path / "nginx") as nginx:
        faults = [*faults_of(nginx.port, WITHOUT_END), *faults_of(nginx.port, AT_NGINX_ONLY)]
        assert not faults, "\n".join(faults)
        assert "smuggled" not in nginx.access_log
        faults += faults_of(nginx.port, WITH_AN_END, ends=False)
        assert not faults, "\n".join(faults)
        require_nothing_left(service, service.log, nginx.folder / "access.log")


@needs_nginx
def test_nginx_forwards_the_data_of_chunks_and_nothing_else(service: Service, tmp_path: Path) -> None:
    """Even if the data looks like the last chunk and a request behind it."""
    service.start_web()
    hidden = FILE + b"0\r\n\r\n" + SMUGGLED
    requests = {**READ_BY_NGINX["7.1 chunked"]}
    requests["a request within the data"] = chunked(b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden))
    with running_nginx(service, tmp_path / "nginx") as nginx:
        for name, request in requests.items():
            data = hidden if "within" in name else FILE
            answers = received(nginx.port, request + SMUGGLED, most=2)
            assert statuses(answers) == [202, 200], name
            (job_id,) = re.findall(rb"Location: /api/v1/assets/bulk/(\S+)", answers)
            _, job = service.request("GET", f"/api/v1/assets/bulk/{job_id.decode()}")
            assert job["file"]["sha256"] == hashlib.sha256(data).hexdigest(), name
    assert len(re.findall(rb'"request_id": "smuggled"', service.log.read_bytes())) == len(requests)


def faults_of(port: int, requests: Mapping[str, Mapping[str, bytes]], *, ends: bool = True) -> list[str]:
    """Requests that did not get an error as their only answer."""
    faults = []
    for section, named in requests.items():
        for name, request in named.items():
            received_bytes = received(port, request + SMUGGLED, most=2)
            answers = statuses(received_bytes)
            if (
                (received_bytes and not answers)
                or min(answers[:1], default=400) < 400
                or len(answers) > 1 + (not ends)
            ):
                faults.append(f"{section}, {name}: {received_bytes[:300]!r}")
    return faults


def received(port: int, request: bytes, *, most: int, quiet_s: float = QUIET_S) -> bytes:
    """Everything received until the server closes the connection, is silent, or has sent `most` answers."""
    answers = b""
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(quiet_s)
        try:
            client.sendall(request)
            while answers.count(b"HTTP/1.") < most and (block := client.recv(65_536)):
                answers += block
        except (TimeoutError, ConnectionError):
            pass
    return answers


def statuses(answers: bytes) -> list[int]:
    """The status of each answer; a bare document, as for HTTP/0.9, contains its status."""
    if answers.startswith(b"{"):
        return [int(status) for status in re.findall(rb'"status":(\d+)', answers)]
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answers)]


def require_nothing_left(service: Service, *logs: Path) -> None:
    assert service.db.value("SELECT count(*) FROM trakrf.bulk_import_jobs") == 0
    for log in logs:
        text = log.read_bytes()
        assert MARK not in text
        assert TOKEN not in text
        assert b'"level": "error"' not in text
        assert b"Traceback" not in text
