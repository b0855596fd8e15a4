"""A folder over HTTP for one person on one machine: read only, 127.0.0.1 only, behind a secret.

Others than the person who started it can reach a port of this machine: other users of a cluster's login node,
a web page in the same browser. So every address begins with a random secret, and the name that the browser
used must be a local one (else a foreign name that was made to point here could read all: DNS rebinding).
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import quote, unquote_to_bytes, urlsplit

from segmake.errors import ConfigError

HOME = "127.0.0.1"
LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
TEXT = "text/plain; charset=utf-8"
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
    **dict.fromkeys((".tsv", ".csv", ".log", ".txt", ".md", ".bib", ".tex"), TEXT),
}
"""What a browser shows; everything else it saves. The tables of the system differ from machine to machine."""


class FolderServer(ThreadingHTTPServer):
    """Serves the files of a folder below /SECRET/."""

    daemon_threads = True

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Bind the port.

        Raises:
            ConfigError: it cannot be had.
        """
        self.folder = folder.resolve()
        self.secret = secrets.token_urlsafe(16)
        try:
            super().__init__((HOME, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"port {port} of this machine cannot be used: {error.strerror}; choose another with --port, "
                "or leave it out"
            ) from error

    def address(self, page: str = "") -> str:
        """Where a file of the folder is."""
        return f"http://{HOME}:{self.server_address[1]}/{self.secret}/{quote(page)}"


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with a file of the folder, everything else with a refusal."""

    server: FolderServer
    protocol_version = "HTTP/1.1"
    server_version = "segmake"
    sys_version = ""
    timeout = 60

    def do_GET(self) -> None:
        """A file with its content."""
        self._answer(content=True)

    def do_HEAD(self) -> None:
        """A file without its content."""
        self._answer(content=False)

    def log_message(self, *_: object) -> None:
        """Nothing is said of each request."""

    def _answer(self, content: bool) -> None:
        if not is_local(self.headers.get("Host", "")):
            self._refuse(HTTPStatus.FORBIDDEN, "this server answers to local names alone")
            return
        prefix, _, wanted = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not secrets.compare_digest(prefix.encode("utf-8"), self.server.secret.encode("ascii")):
            self._refuse(HTTPStatus.FORBIDDEN, "take the whole address that `segmake view` printed")
            return
        path = find_file(self.server.folder, wanted)
        if path is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such file in the results folder")
            return
        with suppress(ConnectionError, TimeoutError):
            self._send(path, content)

    def _send(self, path: Path, content: bool) -> None:
        try:
            stream = open_regular(path)
        except OSError:
            self._refuse(HTTPStatus.NOT_FOUND, "this file cannot be read")
            return
        with stream:
            size = os.fstat(stream.fileno()).st_size
            self.send_response(HTTPStatus.OK)
            self._head(media_type(path), size)
            if content:
                shutil.copyfileobj(stream, self.wfile)

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        told = f"{why}\n".encode()
        with suppress(ConnectionError, TimeoutError):
            self.send_response(status)
            self._head(TEXT, len(told))
            if self.command != "HEAD":
                self.wfile.write(told)

    def _head(self, kind: str, size: int) -> None:
        for name, value in {"Content-Type": kind, "Content-Length": str(size), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()


def is_local(host: str) -> bool:
    """Whether the name in a request is one of this machine, whatever the port (an SSH tunnel changes it)."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name in LOCAL_NAMES


def find_file(folder: Path, wanted: str) -> Path | None:
    """The file in a folder that the path of an address asks for; None when there is none that may be read.

    Args:
        folder: resolved.
        wanted: percent-encoded, relative. Hidden files, ways up and links out of the folder are refused.
    """
    raw = unquote_to_bytes(wanted)
    parts = PurePosixPath(os.fsdecode(raw)).parts
    if b"\0" in raw or b"\\" in raw or any(part.startswith((".", "/")) for part in parts):
        return None
    try:
        path = folder.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError):
        return None
    inside = path.is_relative_to(folder) and path.is_file()
    hidden = inside and any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path if inside and not hidden else None


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file that is not a link.

    Raises:
        OSError: it is another kind of thing by now.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is no file")
    return os.fdopen(descriptor, "rb")


def media_type(path: Path) -> str:
    """What a browser is told that a file is. Compressed volumes are sent as they are."""
    return KINDS.get(path.suffix.lower(), "application/octet-stream")
