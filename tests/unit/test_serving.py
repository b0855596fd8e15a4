"""The server of a results folder: what it gives, to whom, and what it refuses."""

import http.client
import os
import threading
from urllib.parse import urlsplit

import pytest

from segmake.errors import ConfigError
from segmake.serving import FolderServer, find_file, is_local, media_type


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "results"
    (root / "report").mkdir(parents=True)
    (root / "report" / "index.html").write_text("<p>page</p>")
    (root / "report" / "a b#1.nii.gz").write_bytes(b"\x1f\x8bvolume")
    (root / ".hidden").write_text("hidden")
    (root / ".snakemake").mkdir()
    (root / ".snakemake" / "log.txt").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "results-other").mkdir()
    (tmp_path / "results-other" / "x.txt").write_text("secret")
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "away").symlink_to(tmp_path)
    (root / "in.html").symlink_to(root / "report" / "index.html")
    (root / "dot").symlink_to(root / ".snakemake")
    os.mkfifo(root / "pipe")
    return root


@pytest.fixture
def server(folder):
    with FolderServer(folder) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def ask(server, path, method="GET", **headers):
    """Status, headers and body of a request that is sent as it stands."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def below(server, path):
    return f"/{server.secret}/{path}"


def test_a_file_is_sent_as_it_is(server):
    status, headers, body = ask(server, urlsplit(server.address("report/a b#1.nii.gz")).path)
    assert (status, body) == (200, b"\x1f\x8bvolume")
    assert headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Length"] == "8"


def test_head_sends_no_content(server):
    status, headers, body = ask(server, below(server, "report/index.html"), "HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", "11")
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_it_listens_on_this_machine_alone(server):
    assert server.server_address[0] == "127.0.0.1"
    assert server.address().startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "path", ["/report/index.html", "/", "//report/index.html", "/wrong/report/index.html"]
)
def test_without_the_secret_there_is_nothing(server, path):
    status, _, body = ask(server, path)
    assert status == 403
    assert b"page" not in body


def test_each_server_has_a_secret_of_its_own(folder):
    with FolderServer(folder) as one, FolderServer(folder) as other:
        assert one.secret != other.secret
        assert len(one.secret) >= 20


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "", "[::2]", "[bad"]
)
def test_a_foreign_name_is_refused_whatever_it_points_to(server, host):
    status, _, body = ask(server, below(server, "report/index.html"), Host=host)
    assert status == 403
    assert b"page" not in body


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "LOCALHOST:9", "[::1]:80"])
def test_local_names_are_served_whatever_the_port(server, host):
    assert ask(server, below(server, "report/index.html"), Host=host)[0] == 200
    assert is_local(host)


WAYS_OUT = [
    *(
        "../secret.txt",
        "report/../../secret.txt",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "%2e%2e%2fsecret.txt",
    ),
    *("/etc/hostname", "%2fetc%2fhostname", "out.txt", "away/secret.txt", "../results-other/x.txt"),
    *("report/index.html%00.txt", "..\\secret.txt", "%5c..%5csecret.txt", "....//secret.txt"),
    *(
        ".hidden",
        ".snakemake/log.txt",
        "dot/log.txt",
        "report/.",
        "",
        ".",
        "report",
        "report/",
        "pipe",
        "no.txt",
    ),
]


@pytest.mark.parametrize("path", WAYS_OUT)
def test_nothing_outside_nothing_hidden_and_no_folder_is_served(server, folder, path):
    status, _, body = ask(server, below(server, path))
    assert status == 404
    assert b"secret" not in body
    assert b"hidden" not in body
    assert find_file(folder.resolve(), path) is None


def test_a_link_that_stays_inside_is_followed(server, folder):
    assert ask(server, below(server, "in.html"))[2] == b"<p>page</p>"
    assert find_file(folder.resolve(), "in.html") == folder.resolve() / "report/index.html"


def test_what_comes_after_a_question_mark_is_ignored(server):
    assert ask(server, below(server, "report/index.html?x=../../y"))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_written(server, folder, method):
    assert ask(server, below(server, "report/index.html"), method)[0] == 501
    assert (folder / "report/index.html").read_text() == "<p>page</p>"


def test_a_port_that_is_taken_is_explained(folder):
    with (
        FolderServer(folder) as first,
        pytest.raises(ConfigError, match=r"choose another with --port"),
    ):
        FolderServer(folder, first.server_address[1])


def test_a_folder_that_is_itself_a_link_is_served(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    with FolderServer(tmp_path / "link") as server:
        assert find_file(server.folder, "report/index.html")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("niivue.js", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"),
        ("a.jpg", "image/jpeg"),
        ("a.tsv", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/octet-stream"),
        ("model.pt", "application/octet-stream"),
    ],
)
def test_browsers_are_told_what_a_file_is(tmp_path, name, kind):
    assert media_type(tmp_path / name) == kind
