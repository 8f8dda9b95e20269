"""Signed messages: as the standard has it, and to no address that is not allowed."""

import base64
import socket
import threading
from contextlib import suppress
from ipaddress import ip_network

import pytest

from recadmin import environment
from recadmin.webhooks import BadUrl, NotDelivered, Receiver, post, signed
from tests.receiver import Receiver as Server

LOCAL = [ip_network("127.0.0.0/8")]


@pytest.fixture
def server(settings):
    settings.RECADMIN_OUTBOUND_ALLOW = LOCAL
    found = Server()
    yield found
    found.close()


def send(url):
    post(url, b"{}", {"Webhook-Id": "m1"}, seconds=5)


def test_it_signs_as_the_published_example_does():
    # The example that the libraries of the standard are tested with.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key])
    assert headers["Webhook-Signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_key_signs_so_that_one_can_be_changed():
    one, other = (signed("m", 1, b"{}", [key])["Webhook-Signature"] for key in (b"1", b"2"))
    assert signed("m", 1, b"{}", [b"1", b"2"])["Webhook-Signature"] == f"{one} {other}"


def test_it_is_posted_with_its_headers(server):
    send(server.url)
    [(headers, body)] = server.received
    assert body == b"{}"
    assert headers["Webhook-Id"] == "m1"
    assert headers["Content-Type"] == "application/json"
    assert headers["Host"] == f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_private_address_is_refused_unless_its_network_is_allowed(host, server, settings):
    settings.RECADMIN_OUTBOUND_ALLOW = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    with pytest.raises(NotDelivered, match="RECADMIN_OUTBOUND_ALLOW"):
        send(f"http://{host}:{server.port}/")
    assert server.received == []
    settings.RECADMIN_OUTBOUND_ALLOW = LOCAL
    send(f"http://{host}:{server.port}/")
    assert len(server.received) == 1


def test_a_name_is_resolved_once_and_that_address_connected_to(server, monkeypatch, settings):
    # A name that resolves to a public address when it is looked at, and to a private one after.
    settings.RECADMIN_OUTBOUND_ALLOW = []
    resolved, connected = [], []
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", server.port))]

    def resolve(host, port, **about):
        resolved.append(host)
        return public

    def connect(where, timeout):
        connected.append(where)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotDelivered, match="Connection refused"):
        send(f"http://rebound.example:{server.port}/")
    assert resolved == ["rebound.example"]
    assert connected == [("93.184.216.34", server.port)]


def test_a_redirect_is_not_followed_to_where_it_leads(server):
    server.status = 307
    with pytest.raises(NotDelivered, match="answered 307, a redirect"):
        send(server.url)
    assert len(server.refused) == 1


def test_an_error_of_the_receiver_is_told_by_its_status(server):
    server.status = 503
    with pytest.raises(NotDelivered, match=r"It answered 503\."):
        send(server.url)


def test_nobody_there_is_said_in_words(server):
    server.close()
    with pytest.raises(NotDelivered, match="Connection refused"):
        send(server.url)


@pytest.mark.parametrize("drip", [b"", b"X: y\r\n"])
def test_who_takes_too_long_is_cut_off_also_where_something_comes_now_and_then(drip, settings):
    settings.RECADMIN_OUTBOUND_ALLOW = LOCAL
    done = threading.Event()

    def answer():
        with listening.accept()[0] as connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not done.wait(0.02):
                connection.sendall(drip)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(NotDelivered, match="took too long"):
            post(f"http://127.0.0.1:{listening.getsockname()[1]}/", b"{}", {}, seconds=0.2)
        done.set()
        thread.join()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "https://",
        "https:///path",
        "example.com",
        "https://ann:word@example.com/",
        "https://example.com/#part",
        "https://example.com:99999/",
        "https://exa mple.com/",
        "https://example.com/ä",
        "https://example.com/\r\nX: y",
        "https://example.com/" + "x" * 500,
        "file:///etc/passwd",
    ],
)
def test_what_is_no_address_of_the_web_is_refused(url):
    with pytest.raises(BadUrl):
        Receiver.parse(url)


@pytest.mark.parametrize(
    ("url", "parsed", "name"),
    [
        ("https://a.example", Receiver(True, "a.example", 443, "/"), "a.example"),
        ("http://a.example:81/x?y=1", Receiver(False, "a.example", 81, "/x?y=1"), "a.example:81"),
        ("https://[fd00::1]:8443/", Receiver(True, "fd00::1", 8443, "/"), "[fd00::1]:8443"),
    ],
)
def test_an_address_is_taken_apart(url, parsed, name):
    assert Receiver.parse(url) == parsed
    assert parsed.name == name


def test_networks_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("RECADMIN_OUTBOUND_ALLOW", "10.1.0.0/16, fd00::/8")
    allowed = environment.networks("RECADMIN_OUTBOUND_ALLOW")
    assert allowed == [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert environment.networks("NOT_GIVEN") == []
    monkeypatch.setenv("RECADMIN_OUTBOUND_ALLOW", "10.1.0.1/16")
    with pytest.raises(SystemExit, match="RECADMIN_OUTBOUND_ALLOW"):
        environment.networks("RECADMIN_OUTBOUND_ALLOW")
