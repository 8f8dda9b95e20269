"""The peers of the benchmark of learning, each used as its makers would."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from river import linear_model, optim

from updates.metrics import losses

# The wheel brings no executable: this is the driver's own loop over the file, with its thread that
# parses and its thread that learns. Starting Python and writing the model are not timed.
VW_DRIVER = """
import json, sys, time, vowpalwabbit
began = time.perf_counter()
workspace = vowpalwabbit.Workspace(arg_list=sys.argv[1:])
seconds = time.perf_counter() - began
loss = workspace.get_sum_loss() / workspace.get_weighted_examples()
workspace.finish()
print(json.dumps([seconds, loss]))
"""
VW_BITS = 22  # slots for ten times the values that occur


@dataclass(frozen=True)
class FTRL:
    """Parameters of McMahan et al. 2013, Algorithm 1; the same for all."""

    alpha: float = 0.1
    beta: float = 1.0
    l1: float = 1.0
    l2: float = 0.0


@dataclass(frozen=True)
class Learned:
    """log_loss : progressive, mean over the samples. non_zero : weights, the intercept left out."""

    seconds: float
    log_loss: float
    non_zero: int


def vowpal_wabbit(text: Path, parameters: FTRL) -> Learned:
    """Vowpal Wabbit's driver over a text file; on this machine with two threads."""
    model = text.with_suffix(".model")
    arguments = [
        *("--ftrl", "--loss_function", "logistic", "--data", str(text), "--bit_precision"),
        *(str(VW_BITS), "--ftrl_alpha", str(parameters.alpha), "--ftrl_beta"),
        *(str(parameters.beta), "--l1", str(parameters.l1), "--l2", str(parameters.l2)),
        *("--quiet", "--no_stdin", "--readable_model", str(model)),
    ]
    command = [sys.executable, "-c", VW_DRIVER, *arguments]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, log_loss = json.loads(output)
    return Learned(seconds, log_loss, _non_zero(model))


def _non_zero(model: Path) -> int:
    """Lines "slot:weight z n" with a weight other than 0, after the header, but the intercept's."""
    lines = model.read_text().splitlines()
    weights = [line.split(":")[1].split() for line in lines if line.split(":")[0].isdigit()]
    return sum(float(weight) != 0 for weight, *_ in weights) - 1


def river(rows: Sequence[dict[str, str]], labels: np.ndarray, parameters: FTRL) -> Learned:
    """River's FTRLProximal: each row predicted, then learned; the intercept a feature, as ours."""
    optimizer = optim.FTRLProximal(
        alpha=parameters.alpha, beta=parameters.beta, l1=parameters.l1, l2=parameters.l2
    )
    model = linear_model.LogisticRegression(optimizer, intercept_lr=0.0)
    predictions = np.empty(len(rows))
    truths = (labels > 0.5).tolist()
    began = time.perf_counter()
    for i, row in enumerate(rows):
        features: dict[str, float] = {f"{name}={value}": 1.0 for name, value in row.items()}
        features["intercept"] = 1.0
        predictions[i] = model.predict_proba_one(features)[True]
        model.learn_one(features, truths[i])
    seconds = time.perf_counter() - began
    non_zero = sum(weight != 0 for name, weight in model.weights.items() if name != "intercept")
    return Learned(seconds, float(losses(labels, predictions).mean()), non_zero)
