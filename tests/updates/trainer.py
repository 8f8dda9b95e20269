"""A trainer of an external recommender, over whatever calls the API."""

import hashlib
from datetime import UTC, datetime
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa

CLAIM = "recommenders/ours/updates/claim"
WATERMARK = datetime(2026, 1, 1, 0, 15, tzinfo=UTC).isoformat()


class Trainer:
    """One run that it has got, and what it reports of it. ``caller`` has get, post and put."""

    def __init__(self, caller, run):
        self.caller, self.run = caller, run
        self.path = f"updates/{run['id']}"

    def rows(self, **query):
        """The samples as a table, page by page."""
        tables = []
        while True:
            answer = self.caller.get(f"{self.path}/samples?{urlencode(query)}")
            assert answer.status_code == 200, answer.content
            tables.append(pa.ipc.open_stream(answer.content).read_all())
            if "Next-Offset" not in answer:
                return pa.concat_tables(tables)
            query["first_offset"] = answer["Next-Offset"]

    def progress(self, **report):
        return self._post("progress", report)

    def upload(self, content=b"weights", sha256=None, name="model.bin", **query):
        sha256 = sha256 or hashlib.sha256(content).hexdigest()
        asked = urlencode({"attempt": self.run["attempt"], "name": name} | query)
        return self.caller.put(
            f"{self.path}/artifact?{asked}",
            content,
            content_type="application/octet-stream",
            headers={"Content-SHA256": sha256},
        )

    def predictions(self, good=True):
        """Of the holdout: as well as it can be known from the items, or the wrong way round."""
        holdout = self.run["holdout"]
        rows = self.rows(**holdout)
        rates = np.random.default_rng(7).uniform(0.05, 0.95, 20)
        scores = np.array([rates[int(item[1:])] for item in rows.column("item").to_pylist()])
        scores = scores if good else 1 - scores
        return {"first_offset": holdout["first_offset"], "scores": scores.tolist()}

    def publish(self, content=b"weights", **report):
        """Upload and publish, having learned what there was and the holdout."""
        if "artifact" not in report:
            assert self.upload(content).status_code == 201
            report["artifact"] = {"sha256": hashlib.sha256(content).hexdigest()}
        said = {"watermark": WATERMARK, "next_offset": self.run["holdout"]["next_offset"]}
        return self._post("publish", said | report)

    def fail(self, error="out of memory"):
        return self._post("fail", {"error": error})

    def _post(self, what, report):
        return self.caller.post(f"{self.path}/{what}", {"attempt": self.run["attempt"]} | report)


def of(answer):
    """The problem's type, without where it is explained."""
    return answer.status_code, answer.json()["type"].rpartition("#")[2]
