"""What the flows refuse of users' devices, as problems."""

from updates.api.problems import Problem, describe
from updates.flows.refresh_user import ImplausibleVector, NoClientPolicy, TooMuch
from updates.learners.base import DevicesUnsupported


@describe.register
def _has_no_devices(error: DevicesUnsupported) -> Problem:
    return Problem(409, f"{error}.", "no-devices")


@describe.register
def _devices_send_nothing(error: NoClientPolicy) -> Problem:
    return Problem(409, str(error), "no-client-policy")


@describe.register
def _implausible(error: ImplausibleVector) -> Problem:
    errors = [{"field": "vector", "error": str(error), "kind": error.kind}]
    return Problem(400, f"vector: {error}.", "implausible-vector", errors=errors)


@describe.register
def _too_much(error: TooMuch) -> Problem:
    retry = {"Retry-After": str(error.retry_after_seconds)}
    return Problem(429, str(error), "too-much", headers=retry)
