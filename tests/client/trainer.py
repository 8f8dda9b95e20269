"""A server's side of runs of external trainers: one run, its samples, what is reported of it."""

import hashlib
import json
import re

import httpx
import pyarrow as pa

from tests.client.scripted import problem

RUN = 7
FIRST, NEXT, END = 1, 251, 301
AT = 1_767_225_600_000
BASE_MODEL = b"weights of version 4"


def task(**changes):
    """The run as a trainer sees it."""
    return {
        "id": RUN,
        "recommender": "news",
        "attempt": 2,
        "strategy": "full",
        "components": ["model"],
        "base_version": None,
        "first_offset": FIRST,
        "next_offset": NEXT,
        "holdout": {"first_offset": NEXT, "next_offset": END},
        "window_seconds": None,
        "lease_seconds": 60,
        "samples_url": f"http://inside/api/v1/updates/{RUN}/samples",
        "report_url": f"http://inside/api/v1/updates/{RUN}",
        "parquet": [{"first_offset": 1, "last_offset": 100, "path": "news/1-100.parquet"}],
    } | changes


def samples(first, following):
    """Rows of these offsets, one second apart."""
    offsets = range(first, following)
    columns = {
        "offset": pa.array(offsets, pa.int64()),
        "event_time": pa.array([AT + 1_000 * n for n in offsets], pa.timestamp("ms", "UTC")),
        "label": pa.array([n % 2 for n in offsets], pa.int8()),
    }
    return pa.record_batch(columns)


def stream(batch):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


class Trained:
    """Answers by the contract, and remembers: ``reports`` by what, ``artifacts`` by digest.

    cancelled : whether the run has been; over : whether another attempt has taken it.
    """

    def __init__(self):
        self.reports = []
        self.artifacts = {}
        self.claims = []
        self.lease_seconds = 60
        self.cancelled = self.over = False

    def __call__(self, request):
        path = request.url.path.removeprefix("/api/v1/")
        if path == "recommenders/news/versions/4/artifact/model":
            return httpx.Response(200, content=BASE_MODEL)
        if path == "recommenders/news/updates/claim":
            self.claims.append((request.headers["Idempotency-Key"], json.loads(request.content)))
            return httpx.Response(200, json=task())
        what = re.fullmatch(rf"updates/{RUN}/(\w+)", path)[1]
        if what == "samples":
            return self._samples(request)
        return self._report(what, request)

    def _samples(self, request):
        asked = {name: int(value) for name, value in request.url.params.items()}
        following = min(asked["first_offset"] + asked["limit"], asked["next_offset"])
        more = {"Next-Offset": str(following)} if following < asked["next_offset"] else {}
        content = stream(samples(asked["first_offset"], following))
        media_type = "application/vnd.apache.arrow.stream"
        return httpx.Response(200, content=content, headers={"Content-Type": media_type, **more})

    def _report(self, what, request):
        report = dict(request.url.params) if what == "artifact" else json.loads(request.content)
        assert int(report["attempt"]) == 2
        if self.over:
            return problem(409, "attempt-over", detail="Attempt 2 is over.")
        self.reports.append((what, report))
        if what == "artifact":
            digest = hashlib.sha256(request.content).hexdigest()
            if digest != request.headers["Content-SHA256"]:
                return problem(422, detail="The checksum is another.")
            self.artifacts[digest] = (report["name"], request.content)
            return httpx.Response(201, json={"sha256": digest, "bytes": len(request.content)})
        if what == "progress":
            told = {
                "state": "running",
                "lease_seconds": self.lease_seconds,
                "cancelled": self.cancelled,
            }
            return httpx.Response(200, json=told)
        return httpx.Response(200, json=run("promoted" if what == "publish" else "failed"))

    def told(self, what):
        """The reports of one kind."""
        return [report for kind, report in self.reports if kind == what]


def run(state):
    """The run as lists show it."""
    return {
        "id": RUN,
        "recommender": "news",
        "policy": None,
        "strategy": "full",
        "components": ["model"],
        "state": state,
        "reason": "",
        "queued_at": "2026-01-01T00:00:00Z",
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:01:00Z",
        "attempt": 2,
        "progress": {"phase": "", "done": 0, "total": None, "per_second": None},
        "cost": {"cpu_seconds": 0, "wall_seconds": 1, "peak_memory_bytes": 0, "samples": 0},
        "metrics": {"verdict": "better"},
        "error": "",
        "base_version": None,
        "result_version": 1 if state == "promoted" else None,
    }
