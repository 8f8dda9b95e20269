"""A page that has ``recadmin-client.js``, and a server for it to talk to, both made up in the test.

No process is started: Chromium's requests are answered here.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from playwright.sync_api import BrowserContext, Page, Route

from updates.learners.factors.client import user_step, user_step_pairs

MODULE = Path(__file__).parents[2] / "updates/static/updates/recadmin-client.js"
ORIGIN = "https://app.test"  # https: locks and randomUUID are of secure contexts
API = "/api/v1/recommenders/films/"
PAGE = """<!doctype html><link rel="icon" href="data:,"><title>app</title><script type="module">
import { RecadminClient, userStep, userStepPairs } from "/recadmin-client.js";
window.said = [];
window.begin = async (options = {}) => {
  const token = async () => (await fetch("/token")).text();
  const about = { url: "", slug: "films", user: "7", token };
  window.client = await RecadminClient.open({ ...about, ...options });
  for (const name of ["change", "sync", "refused", "offline", "space"]) {
    client.addEventListener(name, ({ detail }) => {
      said.push({ name, ...detail, error: String(detail?.error) });
    });
  }
};
Object.assign(window, { userStep, userStepPairs });
</script>"""


class DeviceServer:
    """Answers as the API does for one user, and remembers what was asked.

    vector, bias : what the model knows of the user. log : interactions taken, each once.
    offline : answers nothing. losing : takes what it is sent, and answers nothing.
    refusals : answers (status, headers, problem) for the next PUTs, instead of what they would get.
    """

    def __init__(self, dim: int = 4, items: int = 40, sends: str = "interactions") -> None:
        self.learning = {"loss": "logistic", "rate": 0.2, "l2": 0.01, "dim": dim}
        self.policy: dict[str, Any] | None = {
            "refresh_seconds": 10,
            "sends": sends,
            "privacy_note": "",
            "offline_seconds": 604_800,
            "most_interactions": 200,
        }
        self.unknown_bias, self.version, self.revision, self.source = -0.3, 1, 0, "server"
        self.token, self.tokens_given = "t1", 0
        self.log: list[dict[str, Any]] = []
        self.offline = self.losing = False
        self.refusals: list[tuple[int, dict[str, str], dict[str, Any]]] = []
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[dict[str, Any]] = []
        self.vector, self.bias = np.zeros(dim, np.float32), 0.0
        self.move_space("space-1", items)

    def move_space(self, space_id: str, items: int = 40) -> None:
        """Other vectors of all items, drawn by the name of the space."""
        random = np.random.default_rng(sum(space_id.encode()))
        dim = self.learning["dim"]
        self.space_id = space_id
        vectors = random.normal(0, 0.5, (items, dim)).astype(np.float32)
        biases = random.normal(0, 0.2, items)
        self.items = {str(n): (vectors[n], float(biases[n])) for n in range(items)}

    def learned(self, interactions: Sequence[dict[str, Any]]) -> tuple[np.ndarray, float]:
        """The user after interactions, in the present space."""
        unknown = np.zeros(self.learning["dim"], np.float32), self.unknown_bias
        rate, l2 = self.learning["rate"], self.learning["l2"]

        def side(field: str, rows: Sequence[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
            found = [self.items.get(row[field], unknown) for row in rows]
            return np.array([vector for vector, _ in found]), np.array([bias for _, bias in found])

        if self.learning["loss"] == "bpr":
            pairs = [row for row in interactions if row["label"] == 1 and "over" in row]
            if not pairs:
                return self.vector, self.bias
            weights = np.array([row["weight"] for row in pairs])
            sides = side("item", pairs), side("over", pairs)
            return user_step_pairs(self.vector, *sides, weights, rate, l2), self.bias
        if not interactions:
            return self.vector, self.bias
        labels = np.array([row["label"] for row in interactions], float)
        weights = np.array([row["weight"] for row in interactions])
        return user_step(
            self.vector, self.bias, *side("item", interactions), labels, weights, rate, l2
        )

    def state(self) -> dict[str, Any]:
        """Members of the answers about the user."""
        vector, bias = self.learned(self.log)
        return {
            "user": "7",
            "vector": [float(value) for value in vector],
            "bias": float(bias),
            "space_id": self.space_id,
            "revision": self.revision,
            "offset": 0,
            "version": self.version,
            "source": self.source,
            "learning": self.learning,
            "policy": self.policy,
        }

    def puts(self) -> int:
        """How many PUTs came."""
        return sum(method == "PUT" for method, _ in self.asked)

    def answer(self, route: Route) -> None:
        """Answers a request of the page, whatever it asks."""
        path = urlsplit(route.request.url).path
        if path == "/":
            route.fulfill(body=PAGE, content_type="text/html")
        elif path == "/recadmin-client.js":
            route.fulfill(path=MODULE, content_type="text/javascript")
        elif self.offline:
            route.abort("internetdisconnected")
        elif path == "/token":
            self.tokens_given += 1
            route.fulfill(body=self.token)
        else:
            self._answer_api(route)

    def _answer_api(self, route: Route) -> None:
        request = route.request
        address = urlsplit(request.url)
        self.asked.append((request.method, address.path.removeprefix(API)))
        if request.headers.get("authorization") != f"Client {self.token}":
            return _json(route, 401, {"title": "Unauthorized"})
        if address.path == f"{API}items/vectors":
            return _json(route, 200, self._vectors(parse_qs(address.query)["item"]))
        assert address.path == f"{API}users/7/embedding", address.path
        if request.method == "GET":
            return _json(route, 200, self.state())
        return self._put(route, json.loads(request.post_data or ""))

    def _vectors(self, names: list[str]) -> dict[str, Any]:
        known = [name for name in names if name in self.items]
        rows = b"".join(self.items[name][0].astype("<f4").tobytes() for name in known)
        return {
            "space_id": self.space_id,
            "version": self.version,
            "offset": 0,
            "dim": self.learning["dim"],
            "items": known,
            "biases": [self.items[name][1] for name in known],
            "vectors": base64.b64encode(rows).decode(),
            "unknown_bias": self.unknown_bias,
        }

    def _put(self, route: Route, body: dict[str, Any]) -> None:
        self.bodies.append(body)
        if self.refusals:
            status, headers, problem = self.refusals.pop(0)
            return _json(route, status, problem, headers)
        assert self.policy
        take = self._take_vector if self.policy["sends"] == "vector" else self._take_interactions
        status, answer = take(body)
        if self.losing:
            return route.abort("connectionreset")
        return _json(route, status, answer)

    def _take_interactions(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        moved, sent = body["space_id"] != self.space_id, body["interactions"]
        known = {row["id"] for row in self.log}
        new = [row for row in sent if row["id"] not in known and row["item"] != "rejected"]
        rejected = [
            {"row": n, "field": "item", "error": "is not allowed"}
            for n, row in enumerate(sent)
            if row["item"] == "rejected"
        ]
        merged = body["revision"] != self.revision or len(new) < len(sent)
        self.log += new
        self.revision += bool(new)
        self.source = "client"
        duplicate = len(sent) - len(new) - len(rejected)
        counts = {"accepted": len(new), "duplicate": duplicate, "rejected": rejected}
        answer = self.state() | {"interactions": counts}
        if moved:
            return _moved("space", answer)
        return 200, answer | {"outcome": "merged" if merged else "accepted"}

    def _take_vector(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert "interactions" not in body
        if body["space_id"] != self.space_id:
            return _moved("space", self.state())
        if body["revision"] != self.revision:
            return _moved("revision", self.state())
        self.vector, self.bias = np.array(body["vector"], np.float32), body["bias"]
        self.revision += 1
        return 200, self.state() | {"outcome": "accepted"}


def _moved(what: str, present: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    return 409, {"type": f"/api/docs/#{what}-moved", "present": present}


def _json(
    route: Route, status: int, answer: dict[str, Any], headers: dict[str, str] | None = None
) -> None:
    kind = "application/json" if status < 400 else "application/problem+json"
    headers = {"Content-Type": kind, **(headers or {})}
    route.fulfill(status=status, headers=headers, body=json.dumps({"status": status, **answer}))


def open_page(context: BrowserContext, server: DeviceServer) -> Page:
    """A page of the app, where ``begin()`` makes ``client``; ``said`` is what that dispatched."""
    page = context.new_page()
    page.route("**/*", server.answer)
    page.goto(ORIGIN)
    page.wait_for_function("window.begin !== undefined")
    return page
