"""Estimators as bytes and back, without pickle: skops' format, made the same for the same model.

skops (https://skops.readthedocs.io, protocol 2) writes a zip of ``schema.json``, which names the
class of each object, and of the arrays as ``.npy``. Two things are done to it. What differs between
equal models is left out: addresses in memory, by which arrays are named and objects are numbered,
the time, and the bytes between the fields of a record. And before anything is built, each class
and each of skops' ways to build must be listed here or be allowed by the installation: skops itself
trusts all of scikit-learn, and functions.

What it checks are classes. That the numbers are those that were published is the manifest's to
check (``updates.artifacts``): trees walk by the numbers of their nodes and trust them.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from updates.learners.sklearn_estimator.allowed import ESTIMATORS

SCHEMA = "schema.json"
# skops' nodes that build no function, no method and nothing by ``__reduce__`` of the file's choice.
LOADERS = frozenset(
    {
        "DictNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomGeneratorNode",
        "RandomStateNode",
        "TreeNode",
        "TupleNode",
        "TypeNode",
    }
)
# What estimators of the default list are made of.
PARTS = frozenset(
    {
        "builtins.bool",
        "builtins.dict",
        "builtins.float",
        "builtins.int",
        "builtins.list",
        "builtins.str",
        "builtins.tuple",
        "numpy.bool",
        "numpy.float32",
        "numpy.float64",
        "numpy.int32",
        "numpy.int64",
        "numpy.ndarray",
        "numpy.random._generator.Generator",
        "numpy.random.mtrand.RandomState",
        "numpy.uint32",
        "numpy.uint64",
        "numpy.uint8",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.ExponentialLoss",
        "sklearn._loss._loss.CyExponentialLoss",
        "sklearn._loss.link.HalfLogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.dummy.DummyClassifier",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.linear_model._sgd_fast.EpsilonInsensitive",
        "sklearn.linear_model._sgd_fast.Hinge",
        "sklearn.linear_model._sgd_fast.ModifiedHuber",
        "sklearn.linear_model._sgd_fast.SquaredHinge",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.preprocessing._label.LabelEncoder",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._classes.ExtraTreeClassifier",
        "sklearn.tree._tree.Tree",
    }
)


class NotStorable(ValueError):
    """A model holds, or a file names, what may not be stored or built; says what."""


def dumps(steps: list[Any]) -> bytes:
    """Estimators as bytes: equal for equal estimators. Raises NotStorable."""
    import skops.io  # costs seconds: it imports all of scikit-learn

    try:
        written = skops.io.dumps(steps)
    except (TypeError, ValueError) as error:
        raise NotStorable(f"the model cannot be stored: {error}") from error
    arrays: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        schema = json.loads(archive.read(SCHEMA))
        _check(schema, classes_of(steps))
        for node in nodes(schema):
            node.pop("__id__", None)
            if "file" in node:
                content = _without_gaps(archive.read(node["file"]))
                node["file"] = hashlib.sha256(content).hexdigest() + ".npy"
                arrays[node["file"]] = content
    return _zipped({SCHEMA: json.dumps(schema).encode(), **dict(sorted(arrays.items()))})


def loads(content: bytes, named: Collection[str]) -> list[Any]:
    """What ``dumps`` was given. Raises NotStorable before anything is built.

    named : classes that options name, by where they are defined: these, ``PARTS`` and what the
        installation allows may be in it.
    """
    import skops.io

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        schema = json.loads(archive.read(SCHEMA))
    steps: list[Any] = skops.io.loads(content, trusted=sorted(_check(schema, named)))
    return steps


def numbers(content: bytes) -> Iterator[np.ndarray]:
    """The real numbers of a stored model, an array at a time: of records those called ``value``."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in archive.namelist():
            if name == SCHEMA:
                continue
            array = _read(archive.read(name))
            if array.dtype.names and "value" in array.dtype.names:
                array = array["value"]
            if array.dtype.kind == "f":
                yield array.ravel()


def classes_of(steps: list[Any]) -> set[str]:
    """Of each estimator its class, by where it is defined."""
    return {path_of(type(step)) for step in steps}


def path_of(kind: type) -> str:
    """Where a class is defined."""
    return f"{kind.__module__}.{kind.__qualname__}"


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """All of skops' nodes, from the outside inwards."""
    below = [schema]
    while below:
        value = below.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            below.extend(value.values())
        elif isinstance(value, list):
            below.extend(value)


def _check(schema: Any, named: Collection[str]) -> set[str]:
    """The classes in it; raises NotStorable unless each of them, and of the loaders, is listed."""
    found = set()
    for node in nodes(schema):
        path = f"{node['__module__']}.{node['__class__']}"
        if node["__loader__"] not in LOADERS:
            raise NotStorable(f"a model may hold no {path} ({node['__loader__']})")
        if path not in PARTS and path not in named and path not in ESTIMATORS:
            raise NotStorable(f"a model may hold no {path}: RECADMIN_ESTIMATORS does not list it")
        found.add(path)
    return found


def _without_gaps(npy: bytes) -> bytes:
    """The same array; what memory held between the fields of its records is zeros."""
    array = _read(npy)
    if array.dtype.names is None:
        return npy
    clean = np.zeros(array.shape, array.dtype)
    for name in array.dtype.names:
        clean[name] = array[name]
    written = io.BytesIO()
    np.save(written, clean, allow_pickle=False)
    return written.getvalue()


def _read(npy: bytes) -> np.ndarray:
    return np.asarray(np.load(io.BytesIO(npy), allow_pickle=False))


def _zipped(files: dict[str, bytes]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)  # of 1 January 1980
    return written.getvalue()
