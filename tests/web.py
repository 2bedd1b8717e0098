"""A web server on this machine: files, and what can be odd about a server."""

import re
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote


@dataclass
class Reply:
    """What the next requests get whose line, e.g. `GET /a.jsonl`, matches. cut: the file, but only half of it."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    line: str = ""
    times: int = 1
    cut: bool = False
    body: bytes = b""


@dataclass
class Web:
    """Files by path, folders with an index page of links. headers: of every file that is sent whole."""

    files: dict[str, bytes] = field(default_factory=dict)
    replies: list[Reply] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    length: Literal["said", "unsaid", "chunked"] = "said"
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    url: str = ""

    def asked(self, line: str) -> list[Mapping[str, str]]:
        """The headers of all requests whose line matches, names in lower case."""
        return [headers for request, headers in self.requests if re.search(line, request)]


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A server on a free port. context: of TLS."""
    web = Web()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web}))
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    web.url = f"http{'s' if context else ''}://127.0.0.1:{server.server_port}"
    yield web
    server.shutdown()
    server.server_close()


def own_certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate that it signed itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-days", "2"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """A client that goes away, which is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    web: Web
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        line, path = f"{self.command} {self.path}", unquote(self.path)
        self.web.requests.append((line, {name.lower(): value for name, value in self.headers.items()}))
        reply = next((one for one in self.web.replies if one.times and re.search(one.line, line)), Reply())
        reply.times -= 1
        if reply.status != 200 or reply.body:
            self._send(reply.status, reply.body, {"Content-Length": str(len(reply.body)), **reply.headers})
        elif path in self.web.files:
            self._file(self.web.files[path], reply.cut)
        else:
            links = self._links(path.rstrip("/") + "/")
            page = "".join(f'<a href="{link}">x</a>' for link in links).encode()
            headers = {"Content-Type": "text/html", "Content-Length": str(len(page))}
            self._send(200 if links else 404, page, headers)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def _links(self, folder: str) -> list[str]:
        inside = [path.removeprefix(folder) for path in self.web.files if path.startswith(folder)]
        return sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in inside})

    def _file(self, content: bytes, cut: bool) -> None:
        asked, status, headers = self.headers.get("Range"), 200, dict(self.web.headers)
        if asked and self.web.ranges:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            if int(begin) >= len(content):
                self._send(416, b"", {"Content-Length": "0", "Content-Range": f"bytes */{len(content)}"})
                return
            last = min(int(end or len(content)), len(content) - 1)
            headers["Content-Range"] = f"bytes {begin}-{last}/{len(content)}"
            status, content = 206, content[int(begin) : last + 1]
        if self.web.length == "said":
            headers["Content-Length"] = str(len(content))
        elif self.web.length == "chunked":
            headers["Transfer-Encoding"] = "chunked"
            content = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (content[:10], content[10:], b""))
        else:
            self.close_connection = True
        self._send(status, content[: len(content) // 2] if cut else content, headers)
        self.close_connection = self.close_connection or cut

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
