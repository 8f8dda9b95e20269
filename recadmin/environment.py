"""What the environment decides: where data lies, which secret signs, which broker is used."""

import hashlib
import os
import secrets
import tempfile
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

Network = IPv4Network | IPv6Network

# A Unix socket's path is limited to 107 bytes by the kernel (sockaddr_un).
LONGEST_SOCKET_PATH = 107


def flag(name: str, default: bool = False) -> bool:
    """A switch from the environment: 1, true, yes and on mean on."""
    return os.environ.get(name, str(default)).lower() in {"1", "true", "yes", "on"}


def folder(name: str) -> Path | None:
    """A folder from the environment, by its absolute path."""
    given = os.environ.get(name)
    return Path(given).resolve() if given else None


def networks(name: str) -> list[Network]:
    """Networks from the environment, separated by commas; ends the process where one is none."""
    given = [part.strip() for part in os.environ.get(name, "").split(",")]
    try:
        return [ip_network(part) for part in given if part]
    except ValueError as error:
        raise SystemExit(f"{name}: {error}.") from None


def secret_key(data: Path) -> str:
    """SECRET_KEY, else the random one kept in the data folder, readable by its owner only."""
    if given := os.environ.get("SECRET_KEY"):
        return given
    path = data / "secret_key"
    if not path.exists():
        _create_data_folder(data)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        # Two processes may start at once: the first link wins, both then read the same key.
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text()


def _create_data_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=data):
            pass
    except OSError as error:
        raise SystemExit(
            f"The data folder {data} cannot be written ({error.strerror}): "
            "make it writable, or set RECADMIN_DATA to another."
        ) from None


def embedded_socket(data: Path) -> Path:
    """The embedded Valkey's socket: beside its data, or in the temporary folder if that is long."""
    path = data.resolve() / "valkey" / "valkey.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"recadmin-{os.getuid()}-{digest}" / "valkey.sock"


def broker_url(redis_url: str) -> str:
    """The same server in the form that Celery understands (it names Unix sockets differently)."""
    if redis_url.startswith("unix://"):
        return "redis+socket://" + redis_url.removeprefix("unix://")
    return redis_url


def openlineage() -> bool:
    """Whether the environment names a transport for OpenLineage's client, as that reads it."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    named = os.environ.get("OPENLINEAGE_URL") or os.environ.get("OPENLINEAGE_CONFIG")
    return bool(named) or any(name.startswith("OPENLINEAGE__TRANSPORT__") for name in os.environ)
