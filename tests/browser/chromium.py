"""A headless Chromium that tests drive by its DevTools protocol, over a pipe: no package, no port."""

from __future__ import annotations

import base64
import fcntl
import io
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-extensions", "--mute-audio"),
    *("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"),  # WebGL 2 without a GPU
    *("--disable-dev-shm-usage", "--disable-component-update", "--disable-background-networking"),
    *(
        "--force-prefers-reduced-motion",
        "--disable-sync",
        "--disable-default-apps",
        "--no-pings",
        "--force-color-profile=srgb",
    ),
)
QUIET_SECONDS = 60.0


def find() -> str:
    """Where Chromium is; empty when it is not installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


class Chromium:
    """A running browser with one page."""

    def __init__(self, profile: Path, width: int = 1100, height: int = 800) -> None:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []  # root may not use the sandbox
        words = [find(), *FLAGS, *root, f"--window-size={width},{height}", f"--user-data-dir={profile}"]
        theirs_in, self.sending = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in os.pipe())
        self.receiving, theirs_out = (fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in os.pipe())
        script = f'exec "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *words, "about:blank"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.count = 0
        self.pending = b""
        self.events: list[dict[str, Any]] = []
        self.session = ""
        self.session = self._attach()
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def _attach(self) -> str:
        pages: list[dict[str, Any]] = []
        while not pages:
            targets = self.call("Target.getTargets")["targetInfos"]
            pages = [target for target in targets if target["type"] == "page"]
        told = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)
        return str(told["sessionId"])

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self.count += 1
        mine = self.count
        message = {"id": mine, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.sending, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + QUIET_SECONDS
        while time.monotonic() < deadline:
            answer = self._next(deadline)
            if answer.get("id") == mine:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            if "method" in answer:
                self.events.append(answer)
        raise TimeoutError(method)

    def _next(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self.pending:
            ready, _, _ = select.select([self.receiving], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(self.receiving, 1 << 20) if ready else b""
            if not chunk:
                raise TimeoutError("the browser says nothing any more")
            self.pending += chunk
        line, _, self.pending = self.pending.partition(b"\0")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def run(self, script: str) -> Any:
        """Value of an expression on the page; promises are awaited."""
        told = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"])
        return told["result"].get("value")

    def wait(self, script: str, seconds: float = QUIET_SECONDS) -> Any:
        """The value of an expression as soon as it is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := self.run(script):
                return value
            time.sleep(0.05)
        raise TimeoutError(script)

    def open(self, address: str) -> None:
        """Go to a page and wait until it is loaded; what happened before is forgotten."""
        self.call("Page.navigate", url="about:blank")
        self.wait("document.readyState === 'complete' && location.href === 'about:blank'")
        self.events.clear()
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete' && location.href !== 'about:blank'")

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Size of the window in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=False,
        )

    def place(self, selector: str) -> tuple[float, float]:
        """Middle of an element, scrolled into view."""
        script = (
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); "
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        x, y = self.run(script)
        return float(x), float(y)

    def click(self, selector: str) -> None:
        """A real click in the middle of an element."""
        x, y = self.place(selector)
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, button="left", clickCount=1)
        self.mouse("mouseReleased", x, y, button="left", clickCount=1)

    def mouse(self, kind: str, x: float, y: float, **more: Any) -> None:
        """One event of the mouse."""
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def wheel(self, x: float, y: float, by: float) -> None:
        """Turn the wheel at a place."""
        self.mouse("mouseMoved", x, y)
        self.mouse("mouseWheel", x, y, deltaX=0, deltaY=by)

    def press(self, key: str) -> None:
        """Press and release a key, named as in KeyboardEvent.key."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        codes = {"Enter": 13, "Tab": 9, "PageUp": 33, "PageDown": 34, "ArrowUp": 38, "ArrowDown": 40}
        code = codes.get(key, ord(key[0].upper()))
        both = {"key": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **both, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **both)

    def pixels(self, selector: str = "") -> np.ndarray:
        """What is on the screen, or of one element, [rows, columns, 3] as uint8."""
        return np.asarray(Image.open(io.BytesIO(self.screenshot(selector))).convert("RGB"))

    def screenshot(self, selector: str = "") -> bytes:
        """The same as PNG."""
        more: dict[str, Any] = {}
        if selector:
            script = (
                f"(() => {{ const box = document.querySelector({json.dumps(selector)})"
                ".getBoundingClientRect(); return [box.x, box.y, box.width, box.height]; })()"
            )
            x, y, width, height = self.run(script)
            more["clip"] = {"x": x, "y": y, "width": width, "height": height, "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", **more)["data"])

    def complaints(self) -> list[str]:
        """Errors and warnings that the page or the browser logged, and exceptions nobody caught."""
        found = []
        for event in self._told():
            told = event["params"]
            if event["method"] == "Runtime.consoleAPICalled" and told["type"] in (
                "error",
                "assert",
                "warning",
            ):
                found.append(str([item.get("value", item.get("description")) for item in told["args"]]))
            elif event["method"] == "Runtime.exceptionThrown":
                found.append(str(told["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
        return found

    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self._told()
            if event["method"] == "Network.requestWillBeSent"
        ]

    def _told(self) -> list[dict[str, Any]]:
        self.run("1")  # so that all earlier events have come
        return self.events

    def close(self) -> None:
        """End the browser."""
        self.session = ""
        self.call("Browser.close")
        for descriptor in (self.sending, self.receiving):
            os.close(descriptor)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
