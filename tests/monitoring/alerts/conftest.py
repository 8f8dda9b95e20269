"""A recommender with something wrong, and a receiver that can be down."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from monitoring.models import AlertChannel
from recadmin.heartbeats import Pulse
from tests.monitoring.conftest import NOW
from updates.flows.append_samples import append_samples


@pytest.fixture
def news(valkey, make_recommender, make_live, make_batch):
    """Objective one hour, grace ten minutes; learned up to NOW, and ten samples wait."""
    found = make_recommender()
    append_samples(found, make_batch(20), batch_id="one")
    make_live(found)
    Pulse("runs@here", queues=("runs",)).beat()
    return found


class Receiver:
    """A real HTTP server that takes what json:// channels send."""

    def __init__(self):
        self.messages = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.messages.append(json.loads(body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *args):
                pass

        self._handler = Handler
        self._server = None
        self.port = 0
        self.come_up()

    @property
    def address(self):
        return f"json://ann:secret-word@127.0.0.1:{self.port}/hidden-path"

    @property
    def titles(self):
        return [message["title"] for message in self.messages]

    def come_up(self):
        """On the same port as before."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def go_down(self):
        """Connections are refused."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(settings):
    settings.ALERT_PRIVATE_ADDRESSES = True
    found = Receiver()
    yield found
    found.go_down()


@pytest.fixture
def channel(receiver, db):
    return AlertChannel.objects.create(name="pager", address=receiver.address)


STALE_AT = NOW.replace(hour=14)
