"""The admin: recommenders and policies are configured here, their history is read here.

Who gets in: whoever has a role. Put a person into one of the groups ``viewer``, ``operator`` or
``admin`` and they may sign in to the admin; "staff status" alone opens nothing.

- viewers read everything of ours;
- operators also run, pause, resume and roll back, and change when and whether a policy fires;
- admins also create, configure and delete recommenders and policies, and manage people.
"""

from updates.admin.history import (
    CadenceChangeAdmin,
    DeploymentAdmin,
    ModelVersionAdmin,
    SegmentAdmin,
    UpdateRunAdmin,
)
from updates.admin.policy import UpdatePolicyAdmin
from updates.admin.recommender import RecommenderAdmin
from updates.admin.serving_target import ServingTargetAdmin

__all__ = [
    "CadenceChangeAdmin",
    "DeploymentAdmin",
    "ModelVersionAdmin",
    "RecommenderAdmin",
    "SegmentAdmin",
    "ServingTargetAdmin",
    "UpdatePolicyAdmin",
    "UpdateRunAdmin",
]
