"""The network: one tower makes a vector of the user, the other of the item."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Bags(NamedTuple):
    """Of n rows and one tower: indices (nnz,) of embeddings, offsets (n,) where each row begins,
    and numbers (n, k)."""

    indices: Tensor
    offsets: Tensor
    numbers: Tensor


class Tower(nn.Module):
    """The sum of the embeddings of a row's values, beside its numbers, through a small network."""

    def __init__(self, buckets: int, dim: int, numbers: int) -> None:
        super().__init__()
        self.embeddings = nn.EmbeddingBag(buckets, dim, mode="sum")
        self.network = nn.Sequential(
            nn.Linear(dim + numbers, 2 * dim), nn.ReLU(), nn.Linear(2 * dim, dim)
        )

    def forward(self, bags: Bags) -> Tensor:
        summed = self.embeddings(bags.indices, bags.offsets)
        return self.network(torch.cat([summed, bags.numbers], dim=1))


class Towers(nn.Module):
    """Log-odds of a click: the inner product of both vectors, and a bias."""

    def __init__(self, buckets: int, dim: int, numbers: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.user, self.item = Tower(buckets, dim, numbers), Tower(buckets, dim, 0)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, user: Bags, item: Bags) -> Tensor:
        return (self.user(user) * self.item(item)).sum(dim=1) + self.bias


class Adagrad:
    """Steps of rate · g / √(Σ g²) for each parameter (Duchi, Hazan & Singer 2011)."""

    def __init__(self, towers: Towers, rate: float) -> None:
        self.towers, self.rate = towers, rate
        self.squares = {name: torch.zeros_like(p) for name, p in towers.named_parameters()}

    @torch.no_grad()
    def step(self) -> None:
        """Take the step that the gradients ask for, and forget them."""
        for name, parameter in self.towers.named_parameters():
            gradient = parameter.grad
            self.squares[name] += gradient * gradient
            parameter.sub_(self.rate * gradient / (self.squares[name].sqrt() + 1e-8))
            parameter.grad = None
