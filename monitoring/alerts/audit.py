"""What people do with alerts and channels, written down in the audit trail."""

from __future__ import annotations

from typing import Any

from django.db.models.signals import post_delete, post_save, pre_save

from monitoring.alerts.channels import AlertChannel
from monitoring.alerts.models import AlertState, AlertTransition, Silence
from updates.audit.record import record
from updates.models.audit_event import Action


def connect() -> None:
    """From now on they are written down (once, when the app is ready)."""
    post_save.connect(_acknowledged, sender=AlertTransition, dispatch_uid="audit")
    post_save.connect(_silenced, sender=Silence, dispatch_uid="audit")
    pre_save.connect(_channel_before, sender=AlertChannel, dispatch_uid="audit")
    post_save.connect(_channel, sender=AlertChannel, dispatch_uid="audit")
    post_delete.connect(_channel_deleted, sender=AlertChannel, dispatch_uid="audit")


def _acknowledged(instance: AlertTransition, created: bool, **about: Any) -> None:
    if created and instance.to_state == AlertState.ACKNOWLEDGED:
        alert = instance.alert
        record(
            Action.ACKNOWLEDGED,
            f"alert {alert.pk}, {alert.kind}",
            by=instance.by,
            recommender=alert.recommender.slug,
            why=instance.why,
        )


def _silenced(instance: Silence, created: bool, **about: Any) -> None:
    if created:
        slug = instance.recommender.slug
        record(
            Action.SILENCED,
            f"alerts of {slug}",
            by=instance.by,
            recommender=slug,
            why=instance.reason,
            after={"until": instance.until},
        )


def _channel_before(instance: AlertChannel, **about: Any) -> None:
    found = AlertChannel.objects.filter(pk=instance.pk).first()
    instance._audited = _shown(found) if found else None


def _channel(instance: AlertChannel, created: bool, **about: Any) -> None:
    before, after = instance._audited, _shown(instance)
    if before != after:
        action = Action.CREATED if created else Action.CHANGED
        record(action, f"channel {instance.name}", before=before, after=after)


def _channel_deleted(instance: AlertChannel, **about: Any) -> None:
    record(Action.DELETED, f"channel {instance.name}", before=_shown(instance))


def _shown(channel: AlertChannel) -> dict[str, Any]:
    """Without the address, which holds secrets; its fingerprint tells a change."""
    return {
        "name": channel.name,
        "address": channel.masked,
        "min_severity": channel.min_severity,
        "enabled": channel.enabled,
    }
