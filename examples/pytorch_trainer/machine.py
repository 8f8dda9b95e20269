"""A factorization machine over hashed values."""

from __future__ import annotations

import zlib
from pathlib import Path

import pyarrow as pa
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, embedding_bag

BUCKETS, DIM, RATE = 1 << 16, 8, 0.05
# Columns that every batch has, beside the fields of the schema.
COMMON = {"offset", "arrived_at", "label", "event_time", "weight"}


class Machine(torch.nn.Module):
    """Rendle 2010: a weight for each value, and an inner product for each pair of values."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.weights = torch.nn.Parameter(torch.zeros(BUCKETS, 1))
        self.vectors = torch.nn.Parameter(0.05 * torch.randn(BUCKETS, DIM))
        self.steps = torch.optim.Adagrad(self.parameters(), RATE)

    def forward(self, rows: pa.RecordBatch) -> torch.Tensor:
        """(n,) log-odds."""
        keys, starts = bags(rows)
        alone, summed, squares = (
            embedding_bag(keys, table, starts, mode="sum")
            for table in (self.weights, self.vectors, self.vectors**2)
        )
        return self.bias + alone.squeeze(1) + (summed**2 - squares).sum(1) / 2

    def learn(self, rows: pa.RecordBatch) -> None:
        """One step of Adagrad."""
        labels, weights = (torch.tensor(rows[name].to_numpy()) for name in ("label", "weight"))
        self.steps.zero_grad()
        binary_cross_entropy_with_logits(self(rows), labels, weights).backward()
        self.steps.step()

    @torch.no_grad()
    def predict(self, batches: list[pa.RecordBatch]) -> list[float]:
        """Probabilities."""
        return [p for rows in batches for p in torch.sigmoid(self(rows)).tolist()]

    def save(self, path: Path) -> None:
        """With the state of Adagrad, so that learning goes on where it stood."""
        torch.save([self.state_dict(), self.steps.state_dict()], path)

    def load(self, path: Path) -> None:
        model, steps = torch.load(path, weights_only=True)
        self.load_state_dict(model)
        self.steps.load_state_dict(steps)


def bags(rows: pa.RecordBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys of all rows' values, one row after the other, and where each row begins."""
    keys: list[int] = []
    starts = []
    fields = [name for name in rows.schema.names if name not in COMMON]
    for row in rows.select(fields).to_pylist():
        starts.append(len(keys))
        for name, value in row.items():
            values = value if isinstance(value, list) else [] if value is None else [value]
            keys += (zlib.crc32(f"{name}={each}".encode()) % BUCKETS for each in values)
    return torch.tensor(keys, dtype=torch.long), torch.tensor(starts, dtype=torch.long)
