from __future__ import annotations
from typing import NamedTuple
import math
import numpy as np
from updates.learners.sparse.compiled import compiled
from updates.learners.sparse.slots import locate, BLOCK

class Parameters(NamedTuple):
    alpha: float
    beta: float
    l1: float
    l2: float

@compiled
def weight(z, n, p):
    if abs(z) <= p.l1:
        return 0.0
    return -(z - math.copysign(p.l1, z)) / ((p.beta + math.sqrt(n)) / p.alpha + p.l2)

@compiled
def learn(cells, states, shift, limit, size, indptr, keys, values, labels, weights, row, predictions, inserted, count, bias, fit_intercept, p, slots, w):
    rows = indptr.shape[0] - 1
    while row < rows:
        end = row + 1
        start = indptr[row]
        while end < rows and indptr[end + 1] - start <= BLOCK:
            end += 1
        ok, size, count = locate(cells, shift, limit, size, keys, start, indptr[end], slots, inserted, count)
        if not ok:
            return row, size, count
        for i in range(row, end):
            margin = 0.0
            wb = 0.0
            if fit_intercept:
                wb = weight(bias[0], bias[1], p)
                margin = wb
            for j in range(indptr[i], indptr[i + 1]):
                slot = slots[j - start]
                wj = weight(states[slot, 2], states[slot, 3], p)
                w[j - start] = wj
                margin += wj * values[j]
            pr = 1.0 / (1.0 + math.exp(-margin))
            predictions[i] = pr
            slope = (pr - labels[i]) * weights[i]
            for j in range(indptr[i], indptr[i + 1]):
                slot = slots[j - start]
                g = slope * values[j]
                n = states[slot, 3]
                n2 = n + g * g
                sigma = (math.sqrt(n2) - math.sqrt(n)) / p.alpha
                states[slot, 2] += g - sigma * w[j - start]
                states[slot, 3] = n2
            if fit_intercept:
                n = bias[1]
                n2 = n + slope * slope
                bias[0] += slope - (math.sqrt(n2) - math.sqrt(n)) / p.alpha * wb
                bias[1] = n2
        row = end
    return row, size, count
