"""Which changes are written down: of configuration, updates, deployments, tokens and users."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save
from knox.models import get_token_model
from simple_history.signals import post_create_historical_record

from updates.audit.record import record
from updates.models import (
    Canary,
    Deployment,
    PublishingFreeze,
    Quarantine,
    Recommender,
    RunTransition,
    ServingTarget,
    UpdatePolicy,
    UpdateRun,
)
from updates.models.audit_event import Action
from updates.models.deployment import DeploymentKind
from updates.models.run import RunState

ACTIONS = {"+": Action.CREATED, "~": Action.CHANGED, "-": Action.DELETED}
# Deployments say it, with who and why.
NOT_CONFIGURED = {"live_version"}
# What of a user decides what he may do; nothing else of him is written down.
OF_USERS = ("username", "is_active", "is_staff", "is_superuser")


def connect() -> None:
    """From now on changes are written down (once, when the app is ready)."""
    user, token = get_user_model(), get_token_model()
    post_create_historical_record.connect(_configuration, dispatch_uid="audit")
    post_create_historical_record.connect(_quarantine, dispatch_uid="audit of quarantines")
    post_save.connect(_run, sender=UpdateRun, dispatch_uid="audit")
    post_save.connect(_cancelled, sender=RunTransition, dispatch_uid="audit")
    post_save.connect(_deployment, sender=Deployment, dispatch_uid="audit")
    pre_save.connect(_target_before, sender=ServingTarget, dispatch_uid="audit")
    post_save.connect(_target, sender=ServingTarget, dispatch_uid="audit")
    post_delete.connect(_target_deleted, sender=ServingTarget, dispatch_uid="audit")
    post_save.connect(_frozen, sender=PublishingFreeze, dispatch_uid="audit")
    post_save.connect(_canary, sender=Canary, dispatch_uid="audit")
    post_save.connect(_token_made, sender=token, dispatch_uid="audit")
    post_delete.connect(_token_ended, sender=token, dispatch_uid="audit")
    pre_save.connect(_user_before, sender=user, dispatch_uid="audit")
    post_save.connect(_user, sender=user, dispatch_uid="audit")
    post_delete.connect(_user_deleted, sender=user, dispatch_uid="audit")
    m2m_changed.connect(_roles, sender=user.groups.through, dispatch_uid="audit")


def _configuration(instance: Model, history_instance: Any, **about: Any) -> None:
    if not isinstance(instance, Recommender | UpdatePolicy):
        return
    action = ACTIONS[history_instance.history_type]
    after = _values(history_instance) if action != Action.DELETED else None
    before = None
    if action != Action.CREATED:
        previous = history_instance.prev_record
        before = _values(previous) if previous else {}
    if before is not None and after is not None:
        changed = {name for name in after if before.get(name) != after[name]}
        if not changed:
            return
        before, after = ({n: v for n, v in x.items() if n in changed} for x in (before, after))
    if isinstance(instance, Recommender):
        subject, slug = f"recommender {instance.slug}", instance.slug
    else:
        subject, slug = f"policy {instance.name}", instance.recommender.slug
    record(
        action,
        subject,
        by=history_instance.history_user,
        recommender=slug,
        why=history_instance.history_change_reason or "",
        before=before,
        after=after,
    )


def _quarantine(instance: Model, history_instance: Any, **about: Any) -> None:
    if not isinstance(instance, Quarantine):
        return
    created = ACTIONS[history_instance.history_type] == Action.CREATED
    after = {"lifted_at": instance.lifted_at, "erased_at": instance.erased_at}
    if created:
        after = {"selection": instance.selection, "erases": instance.erases}
    record(
        ACTIONS[history_instance.history_type],
        f"quarantine {instance.pk}, {instance.samples} samples",
        by=history_instance.history_user,
        recommender=instance.recommender.slug,
        why=instance.reason if created else instance.lift_reason,
        after=after,
    )


def _values(history: Any) -> dict[str, Any]:
    names = {field.name for field in history.tracked_fields} - NOT_CONFIGURED
    return {
        field.name: field.value_from_object(history)
        for field in type(history)._meta.fields
        if field.name in names
    }


def _run(instance: UpdateRun, created: bool, **about: Any) -> None:
    if created:
        record(
            Action.TRIGGERED,
            f"run {instance.pk}, {instance.strategy}",
            by=instance.requested_by,
            policy=instance.policy,
            recommender=instance.recommender.slug,
            why=instance.reason,
            after={"components": instance.components, "window_seconds": instance.window_seconds},
        )


def _cancelled(instance: RunTransition, created: bool, **about: Any) -> None:
    if created and instance.to_state == RunState.CANCELLED:
        record(
            Action.CANCELLED,
            f"run {instance.run_id}, {instance.run.strategy}",
            by=instance.by,
            recommender=instance.run.recommender.slug,
            why=instance.why,
            before={"state": instance.from_state},
            after={"state": instance.to_state},
        )


def _deployment(instance: Deployment, created: bool, **about: Any) -> None:
    if not created or instance.kind == DeploymentKind.FREEZE:
        return
    back = instance.kind != DeploymentKind.PROMOTION
    record(
        Action.ROLLED_BACK if back else Action.PROMOTED,
        f"version {instance.version.number}",
        by=instance.moved_by,
        policy=instance.run.policy if instance.run else None,
        recommender=instance.recommender.slug,
        why=instance.reason,
        before={"live_version": instance.previous.number if instance.previous else None},
        after={"live_version": instance.version.number},
    )


def _target_before(instance: ServingTarget, **about: Any) -> None:
    found = ServingTarget.objects.filter(pk=instance.pk).first()
    instance._audited = _of_target(found) if found else {}


def _target(instance: ServingTarget, created: bool, **about: Any) -> None:
    before, after = instance._audited, _of_target(instance)
    changed = {name for name in after if before.get(name) != after[name]}
    if changed:
        record(
            Action.CREATED if created else Action.CHANGED,
            f"server {instance.name}",
            recommender=instance.recommender.slug,
            before=None if created else {name: before[name] for name in sorted(changed)},
            after={name: after[name] for name in sorted(changed)},
        )


def _target_deleted(instance: ServingTarget, **about: Any) -> None:
    slug = instance.recommender.slug
    record(Action.DELETED, f"server {instance.name}", recommender=slug, before=_of_target(instance))


def _of_target(target: ServingTarget) -> dict[str, Any]:
    """Without the secret; its fingerprint tells a change."""
    return {
        "name": target.name,
        "url": target.url,
        "enabled": target.enabled,
        "swap_within_seconds": target.swap_within_seconds,
        "secret": f"fingerprint {target.fingerprint}",
    }


def _frozen(instance: PublishingFreeze, created: bool, **about: Any) -> None:
    if created or instance.ended:
        record(
            Action.FROZEN if created else Action.THAWED,
            f"publishing on version {instance.base.number}",
            by=instance.ended_by,
            policy=instance.run.policy if created and instance.run else None,
            recommender=instance.recommender.slug,
            why=instance.reason if created else instance.end_reason,
            after={"good_offset": instance.good_offset, "offset": instance.offset}
            if created
            else {"ended": instance.ended},
        )


def _canary(instance: Canary, created: bool, update_fields: Any, **about: Any) -> None:
    if not created and "state" not in (update_fields or ()):
        return
    after: dict[str, Any] = {"state": instance.state, "ended_at": instance.ended_at}
    if created:
        after = {"share": instance.share, "ends_at": instance.ends_at}
    record(
        Action.CANARY_BEGAN if created else Action.CANARY_ENDED,
        f"version {instance.version.number}",
        by=instance.begun_by if created else instance.ended_by,
        policy=instance.run.policy if instance.run else None,
        recommender=instance.recommender.slug,
        why=instance.reason if created else instance.verdict,
        after=after,
    )


def _token_made(instance: Any, created: bool, **about: Any) -> None:
    if created:
        subject = f"token of {instance.user.get_username()}"
        record(Action.CREATED, subject, by=instance.user, after=_of_token(instance))


def _token_ended(instance: Any, **about: Any) -> None:
    subject = f"token of {instance.user.get_username()}"
    record(Action.DELETED, subject, before=_of_token(instance))


def _of_token(token: Any) -> dict[str, Any]:
    role, scoped, _ = token.token_key.partition("_")
    return {"expiry": token.expiry, "role": role if scoped else None}


def _user_before(instance: Any, **about: Any) -> None:
    found = type(instance)._default_manager.filter(pk=instance.pk).values(*OF_USERS, "password")
    instance._audited = found.first()


def _user(instance: Any, created: bool, **about: Any) -> None:
    before = instance._audited or {}
    after = {name: getattr(instance, name) for name in (*OF_USERS, "password")}
    changed = {name for name in after if created or before.get(name) != after[name]}
    if not changed:
        return
    values = [{n: x.get(n) for n in OF_USERS if n in changed} for x in (before, after)]
    record(
        Action.CREATED if created else Action.CHANGED,
        f"user {instance.get_username()}",
        why="" if created or "password" not in changed else "password changed",
        before=None if created else values[0],
        after=values[1],
    )


def _user_deleted(instance: Any, **about: Any) -> None:
    record(Action.DELETED, f"user {instance.get_username()}")


def _roles(instance: Any, action: str, reverse: bool, pk_set: set[int], **about: Any) -> None:
    if not pk_set or action not in ("post_add", "post_remove"):
        return
    there = "after" if action == "post_add" else "before"
    if reverse:
        users, names = get_user_model().objects.filter(pk__in=pk_set), [instance.name]
    else:
        users = [instance]
        names = sorted(Group.objects.filter(pk__in=pk_set).values_list("name", flat=True))
    for user in users:
        record(Action.CHANGED, f"user {user.get_username()}", **{there: {"roles": names}})
