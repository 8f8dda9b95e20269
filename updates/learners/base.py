"""What every learner is: the interface between a model and the strategies that keep it fresh.

Imports no Django: usable as a library.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
import pyarrow as pa

from updates.learners.device import DeviceSide
from updates.learners.explanation import Shift
from updates.learners.options import Option, resolve
from updates.samples.encoder import Encoded
from updates.samples.schema import SampleSchema

TINY = 1e-3  # a weight of a smaller magnitude is tiny


class Progress(Protocol):
    """Called often by long work; may raise to stop it (a cancelled run does)."""

    def __call__(self, phase: str, done: int, total: int | None) -> None: ...


def no_progress(phase: str, done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class LearnReport:
    """What one call of ``learn`` or ``fit`` did.

    predictions : (n,) probabilities before each sample was learned (progressive validation), in
        the order of the samples; None where the learner fits in batch and has none.
    coverage : of the values looked up in embeddings, the share that had a vector of their own
        before the sample was learned; None of a learner without embeddings.
    """

    samples: int
    predictions: np.ndarray | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Sparsity:
    """How sparse a model is.

    seen : distinct feature keys met; admitted : keys that hold parameters; non_zero : keys with a
    weight other than zero; deployed_bytes : bytes of the parameters that serving loads;
    tiny_share : share of the non-zero weights whose magnitude is below 1e-3.
    """

    seen: int
    admitted: int
    non_zero: int
    deployed_bytes: int
    tiny_share: float

    def to_json(self) -> dict[str, float]:
        """As stored with a version."""
        return asdict(self)

    @classmethod
    def of_weights(cls, weights: np.ndarray, seen: int, bytes_each: int) -> Self:
        """Of (n,) weights, zeros among them, of which serving loads those that are not zero."""
        non_zero = int(np.count_nonzero(weights))
        tiny = np.count_nonzero(np.abs(weights) < TINY) - (len(weights) - non_zero)
        share = float(tiny / non_zero) if non_zero else 0.0
        return cls(seen, len(weights), non_zero, non_zero * bytes_each, share)

    @classmethod
    def of_rows(cls, seen: int, rows: int, deployed_bytes: int) -> Self:
        """Of rows that each count as one weight other than zero."""
        return cls(seen, rows, rows, deployed_bytes, 0.0)


class DeltaUnsupported(NotImplementedError):
    """This learner cannot say what learning changed."""

    def __init__(self, learner: str) -> None:
        super().__init__(f"{learner} does not send what it learns to serving step by step")


class RecommendUnsupported(NotImplementedError):
    """This learner scores rows, but has no items to choose from."""

    def __init__(self, learner: str) -> None:
        super().__init__(f"{learner} scores rows; it has no list of items to recommend from")


class DevicesUnsupported(NotImplementedError):
    """This learner has no vectors of users that devices could refresh."""

    def __init__(self, learner: str) -> None:
        super().__init__(f"{learner} has no vectors of users that devices could refresh")


class FeaturesUnsupported(NotImplementedError):
    """This learner's parameters are not those of feature values."""

    def __init__(self, learner: str) -> None:
        super().__init__(f"{learner} has no weight for each feature value")


class VectorsUnsupported(NotImplementedError):
    """This learner has no vectors of feature values."""

    def __init__(self, learner: str) -> None:
        super().__init__(f"{learner} has no vectors of feature values")


class TrainedElsewhere(NotImplementedError):
    """The model is its own trainer's: recadmin manages its versions, and has not got its inside."""

    def __init__(self, learner: str, what: str) -> None:
        super().__init__(
            f"{learner}: {what} is not possible, as recadmin neither trains nor serves this model; "
            "its own trainer does."
        )


class Recommended(NamedTuple):
    """items : (m,) names, the best first. scores : (m,) log-odds, falling."""

    items: list[str]
    scores: np.ndarray


class Learner(ABC):
    """A model that learns from batches of samples.

    A batch is a ``pyarrow.RecordBatch`` or ``Table`` with the columns of ``schema.arrow`` (more
    columns are ignored), its rows in offset order. Learning is deterministic: the same calls give
    the same saved bytes.

    components : names of the parts that can be updated at their own cadence.
    lives_in : by component, the one in whose space its parameters have their meaning.
    only_anew : components that samples do not move: they are trained anew over a window, and what
        lives in them with them.
    sequential : learns sample by sample, so that the saved bytes do not depend on how the samples
        were cut into batches; others learn a batch as a whole.
    replayable : a sample may be learned more than once; others count their samples, and would
        count it twice.
    trained_here : recadmin itself learns and predicts with it; of others only what their trainers
        report is known, and their methods raise TrainedElsewhere.
    updated_here : recadmin has it updated, by policies and runs; of others versions are reported.
    supports_delta : can say what learning changed, so that a serving form follows it.
    tells_features : has weights that belong to feature values, and names these.
    device_component : the one of which devices may refresh what is their user's, see
        ``updates.learners.device``; "" of none.
    options : all there are; ``variants``, options given to learners that between them use all
        compiled code, to be compiled before the first update.
    """

    name: ClassVar[str]
    components: ClassVar[tuple[str, ...]]
    lives_in: ClassVar[Mapping[str, str]] = {}
    only_anew: ClassVar[frozenset[str]] = frozenset()
    sequential: ClassVar[bool]
    replayable: ClassVar[bool] = True
    trained_here: ClassVar[bool] = True
    updated_here: ClassVar[bool] = True
    supports_delta: ClassVar[bool] = False
    device_component: ClassVar[str] = ""
    tells_features: ClassVar[bool] = False
    options: ClassVar[Sequence[Option]]
    variants: ClassVar[Sequence[Mapping[str, Any]]] = ({},)

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        self.schema = schema
        self.settings = self.resolve(options or {})
        self._trained = frozenset(self.components)

    @classmethod
    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings out of the options given; resolved settings stay as they are.

        Raises OptionError.
        """
        return resolve(cls.options, given)

    @classmethod
    def only_full(cls, options: Mapping[str, Any]) -> str:
        """Which of these options lets samples be learned by a full update only, in some words; ""
        where an incremental one may learn them on top. Raises OptionError."""
        return ""

    @classmethod
    def replays(cls, options: Mapping[str, Any]) -> bool:
        """Whether with these options a sample may be learned more than once."""
        return cls.replayable

    @classmethod
    def written(cls, components: Collection[str]) -> tuple[str, ...]:
        """What an update of these components changes: of those that are only trained anew, also
        what lives in them."""
        return tuple(
            name
            for name in cls.components
            if name in components or cls.lives_in.get(name) in cls.only_anew & set(components)
        )

    @classmethod
    def moved(cls, components: Collection[str] | None = None) -> tuple[str, ...]:
        """Those of the components (None: of all) that samples move."""
        return tuple(
            name
            for name in cls.components
            if name not in cls.only_anew and (components is None or name in components)
        )

    def train(self, components: Collection[str]) -> None:
        """From now on ``learn`` and ``fit`` change these components, and let the others be, bit for
        bit. Raises ValueError for a name that is no component, and for none at all."""
        if not components or not set(components) <= set(self.components):
            known = ", ".join(self.components)
            raise ValueError(f"components must be among {known}, got {sorted(components)}")
        self._trained = frozenset(self.written(components))

    def space_ids(self) -> dict[str, str]:
        """By component, the space that it makes or lives in; empty where there is none."""
        return {}

    @abstractmethod
    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Forget the components that are trained, and learn the batches."""

    @abstractmethod
    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn one batch on top of what is known; each sample is predicted before it is learned.

        Stopped by ``progress``, it may have learned a part of the batch.
        """

    @abstractmethod
    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) float64 probabilities of label 1, finite and within [0, 1]."""

    def recommend(
        self,
        user: str,
        k: int,
        seen: Collection[str] = (),
        *,
        at: tuple[np.ndarray, float] | None = None,
        repeats: bool = False,
    ) -> Recommended:
        """At most k of the items that the model knows, the best for the user first.

        A user that is not known gets what is best for all.

        Parameters
        ----------
        seen : items to be left out, beside those that the model knows the user to have met.
        at : the user's vector and bias, where fresher ones are known than the model's.
        repeats : whether items that the user has met may be recommended again.
        """
        raise RecommendUnsupported(self.name)

    def on_device(self) -> DeviceSide:
        """What it has for devices, as long as this learner does not change.

        Only with a ``device_component``; raises DevicesUnsupported.
        """
        raise DevicesUnsupported(self.name)

    @property
    def deploys_rounded(self) -> bool:
        """Whether serving has coarser weights than learning."""
        return False

    def predict_deployed(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities as the serving form would predict them."""
        return self.predict(batch)

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the whole state into an existing empty folder: same state, same bytes."""

    @abstractmethod
    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; later learning continues bit for bit."""

    def load_serving(self, folder: Path) -> None:
        """Load only what ``predict`` needs; learners with a smaller serving form override it."""
        self.load(folder)

    def snapshot(self) -> Self:
        """A copy of this instant, to be saved by another thread while this one learns on."""
        return copy.deepcopy(self)

    def track(self) -> None:
        """From now on remember what learning changes, for ``delta``."""
        raise DeltaUnsupported(self.name)

    def delta(self) -> bytes:
        """What learning has changed since ``track`` or the last call, as absolute values.

        Applied to a serving form of any state in between, it gives that of now.
        """
        raise DeltaUnsupported(self.name)

    def apply(self, delta: bytes) -> None:
        """Bring a serving form to where ``delta`` was taken: equal predictions, to the bit.

        Not to be called while another thread predicts.
        """
        raise DeltaUnsupported(self.name)

    @property
    def explained_rows(self) -> int:
        """Samples of which ``shift_from`` takes some seconds."""
        return 20_000

    def shift_from(self, older: Self, batch: pa.RecordBatch, encoded: Encoded) -> Shift | None:
        """How predictions of the batch differ from another version's, attributed to the values that
        ``encoded`` has of it; None where this learner cannot attribute them."""
        return None

    @property
    def embedded_fields(self) -> tuple[str, ...]:
        """Fields whose values have vectors that can be compared with each other."""
        return ()

    def vectors_of(self, keys: np.ndarray) -> np.ndarray:
        """(n, dim) float32 vectors of values of ``embedded_fields``, by the encoder's keys; NaN of
        those that have none of their own. Raises VectorsUnsupported."""
        raise VectorsUnsupported(self.name)

    @abstractmethod
    def sparsity(self) -> Sparsity:
        """Present counts of features and weights."""

    @property
    def algorithms(self) -> dict[str, str]:
        """By component, what learns its parameters; empty of a learner that does not say."""
        return {}

    def sparsity_by_component(self) -> dict[str, Sparsity]:
        """By component, what ``sparsity`` says of the whole; empty of a learner with several that
        does not tell them apart."""
        return {self.components[0]: self.sparsity()} if len(self.components) == 1 else {}

    def live_features(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) distinct uint64 keys of the features that have a weight other than zero, and (n,)
        those weights.

        Only with ``tells_features``; raises FeaturesUnsupported.
        """
        raise FeaturesUnsupported(self.name)

    def names_of(self, keys: np.ndarray) -> list[tuple[str, str]]:
        """(field, value) of keys that ``live_features`` gave. Raises FeaturesUnsupported."""
        raise FeaturesUnsupported(self.name)

    @abstractmethod
    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
