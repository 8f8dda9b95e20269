"""Python client of recadmin: fresh models, their samples, and runs of your own trainer."""

from recadmin_client.client import Client
from recadmin_client.errors import (
    AttemptOver,
    Cancelled,
    Conflict,
    FieldError,
    Forbidden,
    Invalid,
    NotAuthenticated,
    NotFound,
    Problem,
    RecadminError,
    ServerFailed,
    SpoolFull,
    StillRunning,
    TooMany,
    UnexpectedAnswer,
    Unreachable,
)
from recadmin_client.recommender import Recommender
from recadmin_client.retries import Retries
from recadmin_client.training import TrainingRun

__version__ = "0.1.0"

__all__ = [
    "AttemptOver",
    "Cancelled",
    "Client",
    "Conflict",
    "FieldError",
    "Forbidden",
    "Invalid",
    "NotAuthenticated",
    "NotFound",
    "Problem",
    "RecadminError",
    "Recommender",
    "Retries",
    "ServerFailed",
    "SpoolFull",
    "StillRunning",
    "TooMany",
    "TrainingRun",
    "UnexpectedAnswer",
    "Unreachable",
]
