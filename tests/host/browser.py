"""Drives headless Chromium over its debugging pipe (Chrome DevTools Protocol), off the network and in one folder."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
LIMIT_S = 30.0
# Chromium reads commands from descriptor 3 and writes answers and events to 4, each ended by a zero octet.
_LAUNCH = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)
_FLAGS = (
    "--headless",
    "--no-sandbox",  # it does not start as root otherwise, and the pages are our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class Browser:
    """One Chromium; close() ends it. folder: for all that it writes."""

    def __init__(self, folder: Path) -> None:
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        theirs = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in (commands_out, answers_in)]  # clear of 3 and 4
        for one in (commands_out, answers_in):
            os.close(one)
        homes = ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR")
        assert CHROMIUM is not None
        with (folder / "chromium.txt").open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LAUNCH, *map(str, theirs), CHROMIUM, *_FLAGS, f"--user-data-dir={folder}"],
                env={**os.environ, **dict.fromkeys(homes, str(folder))},
                pass_fds=theirs,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        for one in theirs:
            os.close(one)
        self._numbers = itertools.count(1)
        self._heard = b""
        self.events: list[dict[str, Any]] = []  # in order, of all pages

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command's result. Raises AssertionError where it fails or does not end in LIMIT_S."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        command |= {"sessionId": session} if session else {}
        os.write(self._commands, json.dumps(command).encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, (method, message)
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def wait_for(self, method: str, session: str) -> None:
        """Wait for an event of a page that has not come yet."""
        seen = 0
        while not any(one.get("method") == method and one.get("sessionId") == session for one in self.events[seen:]):
            seen = len(self.events)
            self.events.append(self._next())

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + LIMIT_S
        while b"\0" not in self._heard:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, end - time.monotonic()))
            more = os.read(self._answers, 1 << 16) if ready else b""
            assert more, "Chromium does not answer"
            self._heard += more
        message, _, self._heard = self._heard.partition(b"\0")
        decoded: dict[str, Any] = json.loads(message)
        return decoded

    def close(self) -> None:
        """End it and its children."""
        os.close(self._commands)  # it ends by itself then
        os.close(self._answers)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(LIMIT_S / 10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(LIMIT_S)


class Tab:
    """A page from a file. `requests`, `complaints`: what it has asked for beside itself, what its console says."""

    def __init__(self, browser: Browser, path: Path) -> None:
        self._browser = browser
        self._url = path.as_uri()
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session: str = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.call("Page.navigate", url=self._url)
        browser.wait_for("Page.loadEventFired", self._session)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)

    def look(self, width: int, scheme: str) -> None:
        """Show it as wide as that, in px, high enough for all of it; scheme: "light" or "dark"."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for height in (800, None):
            height = height or self.run("document.documentElement.scrollHeight")
            self.call(
                "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
            )

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        done = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def _events(self, method: str) -> list[dict[str, Any]]:
        found = [one for one in self._browser.events if one.get("sessionId") == self._session]
        return [one["params"] for one in found if one.get("method") == method]

    @property
    def requests(self) -> list[str]:
        asked = [one["request"]["url"] for one in self._events("Network.requestWillBeSent")]
        return [url for url in asked if url != self._url]

    @property
    def complaints(self) -> list[str]:
        said = [str(one["entry"]["text"]) for one in self._events("Log.entryAdded")]
        said += [str(one["args"]) for one in self._events("Runtime.consoleAPICalled")]
        return said + [str(one["exceptionDetails"]["text"]) for one in self._events("Runtime.exceptionThrown")]
