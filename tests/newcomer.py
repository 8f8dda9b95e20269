"""Who does what a page of the documentation says, and nothing else."""

import re
import subprocess
from pathlib import Path

from tests import CLIENT
from tests.stack import ROOT, Stack


class Newcomer:
    """Types what a page says of a recommender, block of commands after block, ``$TOKEN`` set."""

    def __init__(self, page: Path, slug: str, stack: Stack, token: str) -> None:
        text = page.read_text().replace("http://localhost:8000", stack.url)
        blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
        self.blocks = [block for block in blocks if slug in block]
        self.env = stack.env | {"TOKEN": token, "PYTHONPATH": CLIENT}

    def types(self, block: str) -> None:
        """To its end; a command that fails fails the test."""
        done = subprocess.run(
            ["/bin/sh", "-euc", block],
            check=False,
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{done.stdout}{done.stderr}"

    def starts(self, block: str) -> subprocess.Popen:
        """And lets it run."""
        return subprocess.Popen(["/bin/sh", "-euc", block], cwd=ROOT, env=self.env)
