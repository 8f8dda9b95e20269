"""What ``make install`` compiles is all that serving and following deltas need."""

import subprocess
import sys

SCRIPT = """
import sys, tempfile
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from tests.updates.learners.wide_deep.test_keeping import days
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.compile import _use
from updates.learners.compile import SCHEMA as COMPILED
from updates.learners.wide_deep.learner import WideDeep


def compiled():
    modules = [m for name, m in sys.modules.items() if name.startswith("updates.")]
    kernels = [k for m in modules for k in vars(m).values() if isinstance(k, Dispatcher)]
    return {k.py_func.__qualname__: k.signatures for k in kernels}


for options in WideDeep.variants:
    _use(WideDeep(COMPILED, options), WideDeep(COMPILED, options))
at_installation = compiled()
assert "_pooled" in " ".join(at_installation)
for options in ({}, {"expire_after": 1, "admit_after": 1}):
    learner, serving = (WideDeep(SCHEMA, {"mini_batch": 16, **options}) for _ in range(2))
    samples = days(stream(600))
    learner.learn(samples.slice(0, 200))
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
    learner.track()
    for start in range(200, 600, 100):
        serving.predict(samples.slice(start, 1))
        learner.learn(samples.slice(start, 100))
        serving.apply(learner.delta())
        serving.predict(samples.slice(start, 100))
assert learner.embeddings.keeping.expiry.removed
assert compiled() == at_installation
"""


def test_nothing_compiles_in_a_request_nor_for_a_delta():
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
