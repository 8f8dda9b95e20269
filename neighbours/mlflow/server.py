"""The MLflow server that MLFLOW_TRACKING_URI names, by MLflow's own client.

The package is loaded by the first call, and never where the setting is empty: it takes two seconds
and 0.2 GB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings

from neighbours.outbox import Refused, Unreachable, said

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

# Unless the installation says otherwise: a call may take so long and is not repeated, since the
# outbox does that, and MLflow's makers are told nothing of it.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# Answers that say nothing of what was sent.
OF_THE_SERVER = {401, 403, 408, 429, 502, 503, 504}
MISSING, EXISTS = "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS"


class Missing(Refused):
    """MLflow knows nothing by that name."""


class Exists(Refused):
    """MLflow has something by that name already."""


def client() -> MlflowClient:
    """A client of the server. Raises Unreachable where there can be none."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with answers():
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=settings.MLFLOW_TRACKING_URI)


@contextmanager
def answers() -> Iterator[None]:
    """Calls inside raise Refused where the server answers that it will not, else Unreachable."""
    try:
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            raise _meaning(error) from None
    except ImportError as error:
        raise Unreachable(f"The package mlflow cannot be loaded: {said(error)}") from None
    except OSError as error:
        raise Unreachable(f"{type(error).__name__}: {said(error)}") from None


def _meaning(error: MlflowException) -> Refused | Unreachable:
    from mlflow.exceptions import RestException

    code, why = error.error_code, said(error.message)
    if code in (MISSING, EXISTS):
        return {MISSING: Missing, EXISTS: Exists}[code](why)
    # Without an answer MLflow says INTERNAL_ERROR too, but in an error of another kind.
    status = error.get_http_status_code()
    answered = isinstance(error, RestException) or status < 500
    return Refused(why) if answered and status not in OF_THE_SERVER else Unreachable(why)
