"""What a leaf stands for, in words: the conditions on the way from the root to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from updates.learners.gbdt_lr.forest import LEFT, RIGHT, WITHOUT_VALUE, Forest


@dataclass(frozen=True)
class Interval:
    """What a path lets through of one feature: above ``low``, up to ``high``, and none, perhaps."""

    low: float = -inf
    high: float = inf
    without_value: bool = True

    def step(self, threshold: float, *, right: bool, without_value: bool) -> Interval:
        """Narrowed by one more split; ``without_value`` goes the same way."""
        return Interval(
            max(self.low, threshold) if right else self.low,
            self.high if right else min(self.high, threshold),
            self.without_value and without_value,
        )

    def text(self, name: str) -> str:
        """As in "0.2 < price ≤ 3 or missing"."""
        low, high = f"{self.low:.4g}", f"{self.high:.4g}"
        if self.low == -inf:
            bounds = f"{name} ≤ {high}"
        elif self.high == inf:
            bounds = f"{name} > {low}"
        else:
            bounds = f"{low} < {name} ≤ {high}"
        return bounds + (" or missing" if self.without_value else "")


def leaf_paths(forest: Forest, names: Sequence[str], may_miss: Sequence[bool]) -> list[str]:
    """(leaves,) paths of all leaves; "any row" in a tree of one leaf.

    may_miss : whether a feature may be without a value; that of others is not worth a word.
    """
    nodes = forest.nodes
    paths = [""] * forest.leaves

    def below(node: int, path: dict[int, Interval]) -> Iterator[tuple[int, dict[int, Interval]]]:
        feature, threshold = int(nodes.features[node]), float(nodes.thresholds[node])
        missing = nodes.children[node, WITHOUT_VALUE]
        before = path.get(feature, Interval(without_value=may_miss[feature]))
        for way in (LEFT, RIGHT):
            child = nodes.children[node, way]
            after = before.step(threshold, right=way == RIGHT, without_value=bool(child == missing))
            yield int(child), {**path, feature: after}

    left: list[tuple[int, dict[int, Interval]]] = [(int(root), {}) for root in nodes.roots]
    while left:
        node, path = left.pop()
        if node < forest.inner:
            left += below(node, path)
        else:
            conditions = [interval.text(names[feature]) for feature, interval in path.items()]
            paths[node - forest.inner] = ", ".join(conditions) or "any row"
    return paths
