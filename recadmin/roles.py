"""Three roles as groups: viewers read, operators act, admins do everything."""

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission

VIEWER, OPERATOR, ADMIN = "viewer", "operator", "admin"
RANK = {VIEWER: 1, OPERATOR: 2, ADMIN: 3}
OUR_APPS = ("updates", "monitoring")


def rank(user: AbstractBaseUser | AnonymousUser) -> int:
    """How much the user may do: 0 nothing, 1 read, 2 operate, 3 everything.

    ``at_most`` of a user is the role of the token that came, where that is for less.
    """
    if not user.is_authenticated or not user.is_active:
        return 0
    at_most = RANK[getattr(user, "at_most", ADMIN)]
    if user.is_superuser:
        return at_most
    groups = user.groups.values_list("name", flat=True)
    return min(max((RANK.get(name, 0) for name in groups), default=0), at_most)


def has_role(user: AbstractBaseUser | AnonymousUser, role: str) -> bool:
    """Whether the user has at least that role."""
    return rank(user) >= RANK[role]


def create_groups(**kwargs: Any) -> None:
    """Create the three groups with their admin permissions (after each migrate)."""
    ours = Permission.objects.filter(content_type__app_label__in=OUR_APPS)
    allowed = {
        VIEWER: ours.filter(codename__startswith="view_"),
        OPERATOR: ours.filter(codename__startswith="view_")
        | ours.filter(codename="change_updatepolicy"),
        ADMIN: Permission.objects.all(),
    }
    for name, permissions in allowed.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(permissions)
