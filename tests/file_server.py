"""A server on this machine for tests of downloads; the internet is never asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes
    announced: int | None = None
    sends_to: str = ""


class Server(NamedTuple):
    address: str
    answers: dict[str, Answer]
    asked: list[str]


@contextmanager
def file_server() -> Iterator[Server]:
    """Serve what is put into ``answers``, by path; all else is not found."""
    answers: dict[str, Answer] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer = answers.get(self.path, Answer(404, b"not here"))
            self.send_response(answer.status)
            size = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(size))
            if answer.sends_to:
                self.send_header("Location", answer.sends_to)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *arguments: object) -> None:
            logging.getLogger(__name__).debug("%s", arguments)

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Server(f"http://127.0.0.1:{http.server_port}", answers, asked)
    http.shutdown()
    thread.join()
    http.server_close()
