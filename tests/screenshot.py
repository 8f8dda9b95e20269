"""The README's picture: `make screenshot` starts the demo, waits for a few updates, and looks."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
PORT = 8199
UPDATES = 10
LONGEST_WAIT_SECONDS = 600


def main() -> None:
    with tempfile.TemporaryDirectory() as data:
        log = Path(data) / "up.log"
        with log.open("w") as output:
            demo = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--demo", "--port", str(PORT)],
                cwd=ROOT,
                env={**os.environ, "RECADMIN_DATA": data},
                stdout=output,
                stderr=output,
            )
        try:
            _wait(lambda: _answers(f"http://localhost:{PORT}/healthz"))
            password = re.search(r"password (\S+)", log.read_text())
            assert password, log.read_text()
            _take(password.group(1), ROOT / "docs" / "screenshot.png")
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(30)


def _take(password: str, path: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1080})
        page.goto(f"http://localhost:{PORT}/login/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(f"http://localhost:{PORT}/")
        versions = f"http://localhost:{PORT}/api/v1/recommenders/ml-100k/versions"
        _wait(lambda: len(page.request.get(versions).json().get("results", [])) >= UPDATES)
        page.goto(f"http://localhost:{PORT}/recommenders/ml-100k/")
        page.wait_for_load_state("load")
        page.wait_for_timeout(2000)
        page.screenshot(path=path)
        browser.close()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def _wait(condition) -> None:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited {LONGEST_WAIT_SECONDS} s in vain")
        time.sleep(1)


if __name__ == "__main__":
    main()
