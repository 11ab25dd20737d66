"""A web server on this computer: files, and a hub that answers as Hugging Face's does."""

from __future__ import annotations

import hashlib
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Web(ThreadingHTTPServer):
    """Serves ``files`` by path; counts what it is asked for; ``moved`` answers with redirects."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.asked: list[str] = []
        self.delay = 0.0  # seconds between two pieces of 64 kB

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def log_message(self, *_: object) -> None: ...

    def do_HEAD(self) -> None:
        self._begin()

    def do_GET(self) -> None:
        content = self._begin()
        for start in range(0, len(content or b""), 2**16):
            try:
                self.wfile.write(content[start : start + 2**16])
            except OSError:
                return
            time.sleep(self.server.delay)

    def _begin(self) -> bytes | None:
        self.server.asked.append(f"{self.command} {self.path}")
        content = self.server.files.get(self.path)
        if self.path in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[self.path])
            self.send_header("Content-Length", "0")
        elif content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        return content


@contextmanager
def web() -> Iterator[Web]:
    """Serve until the context ends."""
    server = Web()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
