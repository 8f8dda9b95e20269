"""The receiver of docs/deployment-events.md, beside a real server of the API."""

import queue
import re
import threading
import urllib.error
import urllib.request
from contextlib import suppress
from http.server import ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.utils import timezone

from monitoring.fleet import fleet_freshness
from recadmin.webhooks import signed
from tests.conftest import wait_until
from tests.updates.flows.conftest import append, live, recommender, update  # noqa: F401
from updates.flows.roll_back import roll_back
from updates.models import Recommender, ServingTarget
from updates.tasks import tell_servers

PAGE = Path(__file__).parent.parent / "docs" / "deployment-events.md"


@pytest.fixture
def api(transactional_db):
    """Where a real server of the API answers, below which recommenders are."""

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/api/v1/recommenders"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def documented(live, api):  # noqa: F811
    """The names that the page's code defines, with its settings filled in."""
    target = ServingTarget.objects.create(recommender=live.recommender, name="edge-eu")
    names = {"__name__": "documented", "target": target, "loaded": []}
    for code in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S):
        exec(code, names)
    names |= {"API": api, "SECRET": target.secret, "TOKEN": target.token}
    names["load"] = names["loaded"].append
    return names


@pytest.fixture
def address(documented, settings):
    """Where the page's receiver listens, with its worker at work."""
    settings.RECADMIN_OUTBOUND_ALLOW = [ip_network("127.0.0.0/8")]
    documented["Receiver"].log_message = lambda *args: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), documented["Receiver"])
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.01,)),
        threading.Thread(target=documented["work"]),
    ]
    for thread in threads:
        thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    documented["EVENTS"].put(None)
    server.shutdown()
    server.server_close()
    for thread in threads:
        thread.join()


def target_now():
    return ServingTarget.objects.with_lag().select_related("swapped__version").get()


def state():
    return target_now().state(timezone.now())


def test_it_swaps_and_rolls_back_with_recadmin(documented, address, append, update):  # noqa: F811
    ServingTarget.objects.update(url=address)
    tell_servers()
    wait_until(lambda: state() == "synced")
    news = Recommender.objects.get()
    append(news, 500)
    update(news, "incremental")
    assert state() == "swapping"
    before = fleet_freshness([news], timezone.now())[news.pk].age_seconds
    tell_servers()
    wait_until(lambda: state() == "synced")
    assert fleet_freshness([news], timezone.now())[news.pk].age_seconds < before - 400
    roll_back(news, to=news.versions.get(number=1), reason="worse")
    tell_servers()
    wait_until(lambda: state() == "synced")
    assert target_now().swapped.version.number == 1
    assert len(documented["loaded"]) == 3
    assert all("manifest.json" in files for files in documented["loaded"])


def test_it_says_when_it_cannot_swap(documented, address):
    def load(files):
        raise MemoryError("out of memory")

    documented["load"] = load
    ServingTarget.objects.update(url=address)
    tell_servers()
    wait_until(lambda: state() == "failed")
    assert target_now().error == "out of memory"


@pytest.mark.parametrize("wrong", ["signature", "body", "time"])
def test_it_takes_nothing_that_recadmin_did_not_sign(wrong, documented, address):
    now = int(timezone.now().timestamp())
    keys = [b"another"] if wrong == "signature" else documented["target"].keys(timezone.now())
    headers = signed("m1", now - (600 if wrong == "time" else 0), b'{"id": 1}', keys)
    body = b'{"id": 2}' if wrong == "body" else b'{"id": 1}'
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(urllib.request.Request(address, body, headers))
    assert documented["loaded"] == []


def test_without_an_address_it_follows_and_misses_nothing(documented, append, update):  # noqa: F811
    swap, swapped = documented["swap"], queue.Queue()

    class Enough(Exception):
        pass

    def until_the_second(event):
        swap(event)
        swapped.put(event["version"])
        if event["version"] == 2:
            raise Enough

    documented["swap"] = until_the_second

    def follow():
        with suppress(Enough):
            documented["follow"]("news")

    thread = threading.Thread(target=follow)
    thread.start()
    assert swapped.get(timeout=20) == 1
    news = Recommender.objects.get()
    append(news, 500)
    update(news, "incremental")
    assert swapped.get(timeout=20) == 2
    thread.join(10)
    assert state() == "synced"
