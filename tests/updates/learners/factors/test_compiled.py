"""What ``make install`` compiles is all that serving, following deltas and devices need."""

import subprocess
import sys

SCRIPT = """
import sys, tempfile
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.compile import SCHEMA as COMPILED
from updates.learners.compile import _use, _use_factors
from updates.learners.factors.client import user_step
from updates.learners.factors.learner import Factors


def compiled():
    modules = [m for name, m in sys.modules.items() if name.startswith("updates.")]
    kernels = [k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)]
    return {k.py_func.__qualname__: k.signatures for k in kernels}


for options in Factors.variants:
    _use(Factors(COMPILED, options), Factors(COMPILED, options))
_use_factors()
at_installation = compiled()
assert "learn_all" in " ".join(at_installation)
for options in ({}, {"loss": "bpr", "epochs": 2, "optimiser": "sgd"}):
    learner, serving = (Factors(SCHEMA, {"dim": 3, **options}) for _ in range(2))
    learner.fit([stream(400)])
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
    learner.track()
    learner.train(["users"])
    learner.learn(stream(9, seed=1))
    serving.apply(learner.delta())
    serving.predict(stream(5))
    serving.recommend("u1", 5, {"i1"})
    items = serving.item_vectors[:4], serving.item_biases[:4]
    user_step(*serving.user("u1"), *items, [1, 0, 1, 1], [1] * 4, 0.1, 0)
assert compiled() == at_installation, {
    name: kinds for name, kinds in compiled().items() if at_installation.get(name) != kinds
}
"""


def test_nothing_compiles_in_a_request_nor_for_a_delta():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
