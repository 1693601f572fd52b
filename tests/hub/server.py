"""A loopback server with the endpoints of a hub that its own client calls; with switches for harm.

Repositories are made of local folders. Every commit is one state of a repository, named by its
content.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

# Files that a repository keeps outside git, as the hub does with large and binary ones.
_LARGE = (".safetensors", ".pt", ".bin")
_PIECE = 16 * 1024


@dataclass
class Trouble:
    """What goes wrong: at which files (`only`, by the end of the path; everywhere if empty)."""

    only: str = ""
    status: int = 0  # answer every request of content and metadata with this status
    times: int = 1 << 30  # how many requests get that status
    cut: int = 0  # close the connection after this many bytes of a content
    cuts: int = 1 << 30  # how many contents are cut
    spoil: bool = False  # change a byte of the content
    elsewhere: bool = False  # send whoever asks to another host, as the hub does
    seconds_a_piece: float = 0.0  # wait after each piece of 16 KiB
    no_ranges: bool = False  # send whole files whatever is asked for


@dataclass
class State:
    """What the server holds and what it has done."""

    repos: dict[str, dict[str, bytes]]
    trouble: Trouble = field(default_factory=Trouble)
    sent: Counter[str] = field(default_factory=Counter)  # bytes of content by path
    asked: list[str] = field(default_factory=list)  # METHOD PATH of every request
    tokens: set[str] = field(default_factory=set)  # the authorizations that were sent
    tokens_elsewhere: set[str] = field(default_factory=set)  # those sent to the other host
    lock: threading.Lock = field(default_factory=threading.Lock)

    def nbytes_sent(self) -> int:
        """All bytes of contents."""
        with self.lock:
            return sum(self.sent.values())

    def commit(self, repo: str) -> str:
        """The name of the state of `repo`."""
        files = self.repos[repo]
        lines = [f"{path} {digest(content)}" for path, content in sorted(files.items())]
        return hashlib.sha1("\n".join(lines).encode()).hexdigest()


def digest(content: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(content).hexdigest()


def git_id(content: bytes) -> str:
    """How git names a file."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving(repos: Mapping[str, Mapping[str, bytes]]) -> Iterator[tuple[str, State]]:
    """The address of a hub that holds `repos` (path to content, by name), and its state."""
    state = State({name: dict(files) for name, files in repos.items()})

    class Handler(_Handler):
        hub = state

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def folder_files(folder: Path, prefix: str = "") -> dict[str, bytes]:
    """The files of a local folder by their path in a repository."""
    return {f"{prefix}{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: State

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        with self.hub.lock:
            self.hub.asked.append(f"{self.command} {path}")
            if "Authorization" in self.headers:
                is_other = path.startswith("/elsewhere/")
                tokens = self.hub.tokens_elsewhere if is_other else self.hub.tokens
                tokens.add(self.headers["Authorization"])
        if self._is_refused(path):
            return
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
            self._api(found[1], found[2], found[3])
        elif found := re.fullmatch(r"(?:/elsewhere)?/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._content(found[1], found[2], found[3])
        else:
            self._fail(404)

    def _is_refused(self, path: str) -> bool:
        trouble = self.hub.trouble
        if not trouble.status or not path.endswith(trouble.only):
            return False
        with self.hub.lock:
            if trouble.times <= 0:
                return False
            trouble.times -= 1
        self._fail(trouble.status)
        return True

    def _fail(self, status: int, code: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _files(self, repo: str, revision: str) -> dict[str, bytes] | None:
        """The files of a commit; None after an answer that there is none."""
        if repo not in self.hub.repos:
            self._fail(404, "RepoNotFound")
            return None
        if revision not in ("main", self.hub.commit(repo)):
            self._fail(404, "RevisionNotFound")
            return None
        return self.hub.repos[repo]

    def _api(self, repo: str, what: str, revision: str) -> None:
        files = self._files(repo, revision)
        if files is None:
            return
        if what == "revision":
            siblings = [{"rfilename": path} for path in files]
            self._json({"id": repo, "sha": self.hub.commit(repo), "siblings": siblings})
            return
        tree: list[dict[str, Any]] = []
        for path, content in files.items():
            row = {"type": "file", "path": path, "size": len(content), "oid": git_id(content)}
            if path.endswith(_LARGE):
                row["lfs"] = {"oid": digest(content), "size": len(content), "pointerSize": 134}
            tree.append(row)
        folders = {path.rpartition("/")[0] for path in files} - {""}
        tree += [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders]
        self._json(tree)

    def _json(self, content: Any) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(text)

    def _content(self, repo: str, revision: str, path: str) -> None:
        files = self._files(repo, revision)
        if files is None:
            return
        if path not in files:
            self._fail(404, "EntryNotFound")
            return
        content, trouble = files[path], self.hub.trouble
        troubled = path.endswith(trouble.only)
        if troubled and trouble.elsewhere and not self.path.startswith("/elsewhere/"):
            self._redirect(repo, path, content)
            return
        start = self._start(len(content), ignored=trouble.no_ranges)
        if start is None:
            return
        size = len(content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(content) - start))
        self._describe(repo, path, content)
        self.end_headers()
        if self.command == "GET":
            if troubled and trouble.spoil:
                content = bytes([content[0] ^ 1]) + content[1:]
            self._send(path, content[start:], trouble if troubled else Trouble())

    def _describe(self, repo: str, path: str, content: bytes) -> None:
        """The headers that tell what a file is."""
        self.send_header("X-Repo-Commit", self.hub.commit(repo))
        if path.endswith(_LARGE):
            self.send_header("ETag", f'"{digest(content)[:32]}"')
            self.send_header("X-Linked-Etag", f'"{digest(content)}"')
            self.send_header("X-Linked-Size", str(len(content)))
        else:
            self.send_header("ETag", f'"{git_id(content)}"')

    def _redirect(self, repo: str, path: str, content: bytes) -> None:
        """Send to the same server under another name."""
        port = self.connection.getsockname()[1]
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{port}/elsewhere{self.path}")
        self.send_header("Content-Length", "0")
        self._describe(repo, path, content)
        self.end_headers()

    def _start(self, size: int, *, ignored: bool) -> int | None:
        """The first byte that is asked for; None after an answer that there is no such one."""
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if found is None or ignored:
            return 0
        if int(found[1]) >= size:
            self._fail(416)
            return None
        return int(found[1])

    def _send(self, path: str, content: bytes, trouble: Trouble) -> None:
        """Send piece by piece what remains of a file, counting what was sent."""
        most = len(content)
        with self.hub.lock:
            if trouble.cut and trouble.cuts > 0:
                trouble.cuts -= 1
                most = min(most, trouble.cut)
        for at in range(0, most, _PIECE):
            piece = content[at : min(at + _PIECE, most)]
            try:
                self.wfile.write(piece)
                self.wfile.flush()
            except OSError:
                self.close_connection = True
                return
            with self.hub.lock:
                self.hub.sent[path] += len(piece)
            if trouble.seconds_a_piece:
                time.sleep(trouble.seconds_a_piece)
        if most < len(content):
            self.close_connection = True
            self.connection.close()
