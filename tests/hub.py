"""A small Hugging Face Hub on this machine: as much of its API as the libraries ask for, with faults on demand."""

import hashlib
import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Files = Mapping[str, bytes]
LARGE_BYTES = 1000  # larger files are stored as LFS, whose SHA-256 the Hub knows


@dataclass
class Fault:
    """Something that goes wrong with the next requests whose line, e.g. `GET /datasets/a/b/`, matches."""

    line: str
    what: int | str  # a status, or: unknown token, cut, short, wrong
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Hub:
    """Repositories by name: their commits, by hash, the last of which is main. Plus the access they need."""

    repositories: dict[str, dict[str, Files]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)  # who may see gated repositories
    gated: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)  # lines and headers
    url: str = ""

    def commit(self, repository: str, files: Files) -> str:
        """Make files the content of a repository; returns the new commit."""
        commits = self.repositories.setdefault(repository, {})
        commit = secrets.token_hex(20)  # libraries remember what a commit holds
        commits[commit] = dict(files)
        return commit

    def forget(self) -> None:
        """Be as new."""
        for part in (self.repositories, self.tokens, self.gated, self.faults, self.requests):
            part.clear()

    def asked(self, line: str) -> list[Mapping[str, str]]:
        """The headers of all requests whose line matches."""
        return [headers for request, headers in self.requests if re.search(line, request)]


def start() -> Hub:
    """A Hub on a free port of this machine, as long as this process lives."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    return hub


class _RefusedError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "no", **headers: str) -> None:
        self.status = status
        self.headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {}) | headers


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(length).decode()) if length else {}
        self.hub.requests.append((f"{self.command} {self.path}", dict(self.headers)))
        fault = next((f for f in self.hub.faults if re.search(f.line, f"{self.command} {self.path}") and f.times), None)
        if fault:
            fault.times -= 1
        try:
            if fault and isinstance(fault.what, int):
                raise _RefusedError(fault.what, **fault.headers)
            if fault and fault.what == "unknown token":
                raise _RefusedError(401, message="Invalid credentials in Authorization header")
            self._answer(unquote(urlsplit(self.path).path), parse_qs(urlsplit(self.path).query), form, fault)
        except _RefusedError as refused:
            self._send(refused.status, b"{}", refused.headers)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass

    def _answer(self, path: str, query: dict[str, list[str]], form: dict[str, list[str]], fault: Fault | None) -> None:
        if found := re.fullmatch(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            repository, revision, name = found.groups()
            self._see(repository)
            commit, files = self._files(repository, revision)
            if name not in files:
                raise _RefusedError(404, "EntryNotFound")
            self._file(commit, files[name], fault)
        elif found := re.fullmatch(r"/api/(?:datasets|models)/([^/]+/[^/]+)(?:/(auth-check|[a-z-]+/.+))?", path):
            repository, rest = found.group(1), found.group(2) or "revision/main"
            self._exists(repository)
            if rest == "auth-check":
                self._see(repository)
                self._json({})
                return
            kind, revision, *inside = rest.split("/", 2)
            commit, files = self._files(repository, revision)
            if kind == "revision":
                siblings = [{"rfilename": name} for name in files]
                self._json({"id": repository, "sha": commit, "siblings": siblings, "private": False, "gated": False})
            elif kind == "paths-info":
                self._json([_entry(name, files[name]) for name in form["paths"] if name in files])
            elif kind == "commits":
                dated = {"date": "2025-12-15T00:00:00.000Z", "authors": [], "title": "", "message": ""}
                self._json([{"id": known} | dated for known in reversed(self.hub.repositories[repository])])
            elif kind == "tree":
                recursive = query.get("recursive", [""])[0].lower() in ("true", "1")
                self._json(_tree(files, inside[0] if inside else "", recursive))
        else:
            raise _RefusedError(404)

    def _exists(self, repository: str) -> None:
        if repository not in self.hub.repositories:
            raise _RefusedError(404 if "Authorization" in self.headers else 401, "RepoNotFound")

    def _see(self, repository: str) -> None:
        self._exists(repository)
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repository in self.hub.gated and token not in self.hub.tokens:
            raise _RefusedError(403 if token else 401, "GatedRepo")

    def _files(self, repository: str, revision: str) -> tuple[str, Files]:
        commits = self.hub.repositories[repository]
        commit = list(commits)[-1] if revision == "main" else revision
        if commit not in commits:
            raise _RefusedError(404, "RevisionNotFound")
        return commit, commits[commit]

    def _file(self, commit: str, content: bytes, fault: Fault | None) -> None:
        what, size = fault.what if fault else "", len(content)
        if what == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        begin, _, end = (self.headers.get("Range") or "").removeprefix("bytes=").partition("-")
        first, last = int(begin or 0), min(int(end or size - 1), size - 1)
        piece = content[first : last + 1]
        etag = hashlib.sha256(content).hexdigest()
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": commit, "X-Linked-Etag": f'"{etag}"', "Accept-Ranges": "bytes"}
        headers["X-Linked-Size"] = str(size)
        if what == "short":
            piece = piece[: len(piece) // 2]
        if begin:
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        self._send(206 if begin else 200, piece, headers, cut=what == "cut")

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: Mapping[str, str], cut: bool = False) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
    if len(content) > LARGE_BYTES:
        lfs = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
        return entry | {"lfs": lfs}
    return entry


def _tree(files: Files, folder: str, recursive: bool) -> list[dict[str, Any]]:
    begin = f"{folder}/" if folder else ""
    inside = sorted(name for name in files if name.startswith(begin))
    if folder and not inside:
        raise _RefusedError(404, "EntryNotFound")
    folders = {
        "/".join(name.split("/")[:depth])
        for name in inside
        for depth in range(begin.count("/") + 1, name.count("/") + 1)
    }
    if not recursive:
        inside = [name for name in inside if "/" not in name.removeprefix(begin)]
        folders = {name for name in folders if "/" not in name.removeprefix(begin)}
    entries = [{"type": "directory", "path": name, "size": 0, "oid": "0" * 40} for name in sorted(folders)]
    return entries + [_entry(name, files[name]) for name in inside]
