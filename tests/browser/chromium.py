"""A headless Chromium over its debugging pipe: NUL-ended JSON on two descriptors, so nothing beyond Python is needed."""

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
]
PATIENCE = 120  # seconds: a loaded machine is slow, a hanging one is not


def find():
    """The browser, or None."""
    return next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)


class Chromium:
    """One browser with a profile of its own, gone with it."""

    def __init__(self):
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        theirs_in, self.out = os.pipe()
        self.into, theirs_out = os.pipe()

        def descriptors():
            # The browser reads from 3 and writes to 4; through high numbers first, since either may be taken.
            high_in, high_out = os.dup2(theirs_in, 210), os.dup2(theirs_out, 211)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self.process = subprocess.Popen(
            [find(), *FLAGS, f"--user-data-dir={self.profile.name}", "about:blank"],
            preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self.number = 0
        self.buffer = b""
        self.events = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
        self.profile.cleanup()

    def message(self, deadline):
        while b"\0" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.into], [], [], left)[0]:
                raise TimeoutError("the browser does not answer")
            read = os.read(self.into, 1 << 20)
            if not read:
                raise RuntimeError("the browser went away")
            self.buffer += read
        line, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(line)

    def call(self, method, session=None, **params):
        """Sends a command and returns its result; events that come meanwhile are kept."""
        self.number += 1
        number = self.number
        command = {"id": number, "method": method, "params": params}
        if session:
            command["sessionId"] = session
        os.write(self.out, json.dumps(command).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        while True:
            message = self.message(deadline)
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            if "method" in message:
                self.events.append(message)


class Page:
    """One page, opened from disk, that may ask for nothing."""

    def __init__(self, browser, width, dark, height=900, script=True):
        self.browser = browser
        self.script = script
        self.target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        if not script:
            self.call("Emulation.setScriptExecutionDisabled", value=True)
        # Whatever runs of what a server sent says so here, whichever way it gets there.
        self.call("Page.addScriptToEvaluateOnNewDocument", source="window.alert = () => { window.ran = true; };")

    def call(self, method, **params):
        return self.browser.call(method, session=self.session, **params)

    def open(self, path):
        self.browser.events.clear()
        self.call("Page.navigate", url=f"file://{path}")
        deadline = time.monotonic() + PATIENCE
        while not any(self.is_mine(event, "Page.loadEventFired") for event in self.browser.events):
            message = self.browser.message(deadline)
            if "method" in message:
                self.browser.events.append(message)
        if self.script:
            self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def is_mine(self, event, method):
        return event["method"] == method and event.get("sessionId") == self.session

    def mine(self, method):
        return [event["params"] for event in self.browser.events if self.is_mine(event, method)]

    def wait(self, expression):
        """Until it holds; what it is at last."""
        deadline = time.monotonic() + 20
        while not (value := self.evaluate(expression)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return value

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def key(self, key, code=None):
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        virtual = {"Enter": 13, "Tab": 9, "Escape": 27, "ArrowDown": 40, "ArrowRight": 39}.get(key, ord(key.upper()[0]))
        common = {"key": key, "code": code or key, "windowsVirtualKeyCode": virtual}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def screenshot(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
