"""The learner ``two_tower``: what recadmin asks of it, around the network of ``towers``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import binary_cross_entropy_with_logits

from two_tower.towers import Adagrad, Bags, Towers
from updates.learners.base import Learner, LearnReport, Progress, Sparsity, no_progress
from updates.learners.options import Option, OptionError
from updates.samples.encoder import Encoded, Encoder
from updates.samples.schema import SampleSchema

TOWERS_FILE, SQUARES_FILE = "towers.safetensors", "squares.safetensors"


class TwoTower(Learner):
    """Clicks by the inner product of a user's and an item's vector (Yi et al. 2019, RecSys)."""

    name = "two_tower"
    components = ("towers",)
    sequential = False
    options = (
        Option("item_fields", [], "Fields of the item tower, beside the schema's item."),
        Option("dim", 8, "Length of a vector.", 2, 256),
        Option("buckets", 1 << 14, "Embeddings of each tower; values share them.", 16, 1 << 24),
        Option("rate", 0.05, "Rate of Adagrad.", 1e-5, 10.0),
        Option("batch_rows", 64, "Samples of one step.", 1, 65_536),
        Option("seed", 0, "Of the first weights.", 0, 2**31 - 1),
    )

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        fields = [*schema.single_valued, *schema.multivalued]
        of_item = {schema.item, *self.settings["item_fields"]} - {None}
        if unknown := of_item - set(fields):
            raise OptionError("item_fields", f"among the fields {fields}", sorted(unknown))
        self._of_item = np.array([name in of_item for name in fields], bool)
        self._encoder = Encoder(schema)
        self._begin()

    def _begin(self) -> None:
        chosen, numbers = self.settings, len(self.schema.numeric)
        self._towers = Towers(chosen["buckets"], chosen["dim"], numbers, chosen["seed"])
        self._steps = Adagrad(self._towers, chosen["rate"])

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        self._begin()
        reports = [self.learn(batch, progress) for batch in batches]
        return LearnReport(
            sum(report.samples for report in reports),
            np.concatenate([np.empty(0), *(report.predictions for report in reports)]),
        )

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        predictions = np.empty(batch.num_rows)
        with one_thread():
            for start, encoded in self._pieces(batch):
                progress("learning", start, batch.num_rows)
                scores = self._towers(*self._bags(encoded))
                predictions[start : start + len(scores)] = probabilities(scores)
                labels, weights = (
                    torch.tensor(column, dtype=torch.float32)
                    for column in (encoded.labels, encoded.weights)
                )
                binary_cross_entropy_with_logits(scores, labels, weights).backward()
                self._steps.step()
        return LearnReport(batch.num_rows, predictions)

    @torch.no_grad()
    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        with one_thread():
            found = [
                probabilities(self._towers(*self._bags(encoded)))
                for _, encoded in self._pieces(batch)
            ]
        return np.concatenate([np.empty(0), *found])

    def _pieces(self, batch: pa.RecordBatch) -> Iterator[tuple[int, Encoded]]:
        """Pieces of the batch, each with the number of rows before it."""
        rows = self.settings["batch_rows"]
        for start in range(0, batch.num_rows, rows):
            yield start, self._encoder.encode(batch.slice(start, rows))

    def _bags(self, encoded: Encoded) -> tuple[Bags, Bags]:
        """What goes into the tower of the user, and into that of the item."""
        indptr, keys = encoded.by_field()
        counts = np.diff(indptr).reshape(-1, len(self._of_item))
        of_item = np.repeat(np.tile(self._of_item, len(counts)), counts.ravel())
        indices = (keys % np.uint64(self.settings["buckets"])).astype(np.int64)
        # However large they are: their logarithms.
        numbers = np.sign(encoded.numbers) * np.log1p(np.abs(encoded.numbers))
        nothing = np.empty((len(counts), 0))
        return (
            _bags(indices[~of_item], counts[:, ~self._of_item], numbers),
            _bags(indices[of_item], counts[:, self._of_item], nothing),
        )

    def save(self, folder: Path) -> None:
        save_file(self._towers.state_dict(), folder / TOWERS_FILE)
        save_file(self._steps.squares, folder / SQUARES_FILE)

    def load(self, folder: Path) -> None:
        self.load_serving(folder)
        self._steps.squares = load_file(folder / SQUARES_FILE)

    def load_serving(self, folder: Path) -> None:
        self._begin()
        self._towers.load_state_dict(load_file(folder / TOWERS_FILE))

    def sparsity(self) -> Sparsity:
        weights = np.concatenate([p.detach().numpy().ravel() for p in self._towers.parameters()])
        return Sparsity.of_weights(weights, len(weights), weights.itemsize)

    def is_finite(self) -> bool:
        return all(bool(torch.isfinite(p).all()) for p in self._towers.parameters())


def _bags(indices: np.ndarray, counts: np.ndarray, numbers: np.ndarray) -> Bags:
    ends = np.cumsum(counts.sum(axis=1))
    offsets = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
    return Bags(
        torch.from_numpy(indices),
        torch.from_numpy(offsets),
        torch.tensor(numbers, dtype=torch.float32),
    )


def probabilities(scores: torch.Tensor) -> np.ndarray:
    """(n,) float64 of (n,) log-odds."""
    return torch.sigmoid(scores.detach().double()).numpy()


@contextmanager
def one_thread() -> Iterator[None]:
    """The sums of several threads differ in their last bits: same samples, same bytes."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
