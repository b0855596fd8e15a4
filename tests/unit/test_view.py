"""segmake view: it says where the pages are and serves until it is interrupted."""

import logging
import re
import urllib.request

import pytest

from segmake.errors import InputError
from segmake.jobs import ViewJob
from segmake.serving import FolderServer
from segmake.stages import view


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "index.html").write_text("page")
    return tmp_path


def interrupted(monkeypatch, found):
    """Serve one request for each address that was said, then act as if Ctrl-C were pressed."""

    def serve(server):
        import threading

        for address in list(found()):
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310  our own address
                assert answer.read() == b"page"
            thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(FolderServer, "serve_forever", serve)


def test_it_says_the_address_serves_it_and_ends_quietly(folder, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "segmake")
    interrupted(monkeypatch, lambda: re.findall(r"http://\S+", caplog.text))
    view.run(ViewJob(folder=folder))
    (address,) = re.findall(r"http://\S+", caplog.text)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/report/index\.html", address)
    assert "Stop with Ctrl-C" in caplog.text
    assert "Stopped" in caplog.text


def test_the_viewer_is_named_where_there_is_one(folder, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "segmake")
    (folder / "report" / "viewer.html").write_text("page")
    interrupted(monkeypatch, list)
    view.run(ViewJob(folder=folder))
    assert re.search(r"Viewer: http://127\.0\.0\.1:\d+/[\w-]+/report/viewer\.html", caplog.text)


def test_the_browser_is_opened_only_when_asked(folder, monkeypatch):
    opened = []
    monkeypatch.setattr(view.webbrowser, "open", opened.append)
    interrupted(monkeypatch, list)
    view.run(ViewJob(folder=folder))
    assert opened == []
    view.run(ViewJob(folder=folder, open=True))
    assert opened[0].endswith("/report/index.html")


def test_a_folder_without_a_report_is_explained(tmp_path):
    with pytest.raises(InputError, match=r"has no report/index\.html; give a results folder"):
        view.run(ViewJob(folder=tmp_path))
