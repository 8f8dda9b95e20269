"""Tests; the client, a wheel of its own, is tested from its folder and need not be installed."""

import sys
from pathlib import Path

CLIENT = str(Path(__file__).parents[1] / "client")
sys.path.append(CLIENT)
