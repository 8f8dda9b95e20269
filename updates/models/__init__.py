"""State and its invariants: one module a noun. Rules that must hold live here or in constraints."""

from updates.models.assignment import Assignment
from updates.models.audit_event import AuditEvent
from updates.models.cadence_change import CadenceChange
from updates.models.canary import Canary
from updates.models.checkpoint import Checkpoint
from updates.models.deployment import Deployment
from updates.models.explanation import Explanation
from updates.models.freeze import PublishingFreeze
from updates.models.idempotency import IdempotentRequest
from updates.models.lease import ComponentLease
from updates.models.policy import UpdatePolicy
from updates.models.proof import Proof
from updates.models.quarantine import Quarantine
from updates.models.recommender import Recommender
from updates.models.run import RunTransition, UpdateRun
from updates.models.segment import ArchivedBatch, Segment
from updates.models.serving_report import ServingReport
from updates.models.serving_target import ServingTarget
from updates.models.version import ModelVersion
from updates.models.what_if import WhatIf

__all__ = [
    "ArchivedBatch",
    "Assignment",
    "AuditEvent",
    "CadenceChange",
    "Canary",
    "Checkpoint",
    "ComponentLease",
    "Deployment",
    "Explanation",
    "IdempotentRequest",
    "ModelVersion",
    "Proof",
    "PublishingFreeze",
    "Quarantine",
    "Recommender",
    "RunTransition",
    "Segment",
    "ServingReport",
    "ServingTarget",
    "UpdatePolicy",
    "UpdateRun",
    "WhatIf",
]
