"""Update policies."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import ADMIN, OPERATOR, has_role
from updates.api.idempotency import idempotent
from updates.api.pagination import Pages
from updates.api.schema import refuses
from updates.api.serializers.policies import (
    CADENCE,
    OPERABLE,
    ChangedPolicySerializer,
    PolicySerializer,
)
from updates.api.views.base import OfRecommender
from updates.api.views.recommenders import save_new
from updates.cadence import Trigger
from updates.flows.change_cadence import change_cadence
from updates.flows.pause import pause, resume
from updates.flows.roll_back import lift_hold
from updates.models import CadenceChange, UpdatePolicy

CADENCE_FIELDS = {"trigger", *CADENCE}


class Policies(OfRecommender):
    serializer_class = PolicySerializer
    lookup_field = "name"

    def get_queryset(self) -> QuerySet:
        return UpdatePolicy.objects.filter(recommender=self.recommender).select_related(
            "recommender"
        )


class PolicyList(Policies, ListAPIView):
    """Its update policies."""

    pagination_class = Pages
    page_order = "name"
    write_role = ADMIN

    @extend_schema(responses={201: PolicySerializer})
    @refuses(409, 503)
    def post(self, request: Request, slug: str) -> Response:
        """Create a policy; its schedule begins now."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = PolicySerializer(save_new(wanted, "name")).data
        return Response(data, status=201, headers={"Location": data["url"]})


class PolicyDetail(Policies):
    @property
    def write_role(self) -> str:
        """Operators change when it fires and whether; the rest is configuration."""
        return OPERATOR if self.request.method == "PATCH" else ADMIN

    def get(self, request: Request, slug: str, name: str) -> Response:
        """One policy."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(responses=ChangedPolicySerializer)
    @refuses(409, 503)
    def patch(self, request: Request, slug: str, name: str) -> Response:
        """Change the fields given; operators trigger, cadence and enabled, admins all.

        A change of trigger or cadence is in force within a second and answered with a receipt.
        """
        policy = self.get_object()
        change = self.get_serializer(policy, data=request.data, partial=True)
        change.is_valid(raise_exception=True)
        _refuse_configuring(request, change.validated_data)
        receipt = _change(policy, change, request.user)
        policy = self.get_object()
        policy.receipt = receipt
        return Response(ChangedPolicySerializer(policy).data)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, slug: str, name: str) -> Response:
        """Delete a policy; its runs stay."""
        self.get_object().delete()
        return Response(status=204)


class LiftHold(Policies):
    @extend_schema(request=None, responses=PolicySerializer)
    @refuses(503)
    @idempotent
    def post(self, request: Request, slug: str, name: str) -> Response:
        """Let a policy fire again that a rollback holds."""
        policy = get_object_or_404(self.get_queryset(), name=name)
        lift_hold(policy, by=request.user)
        return Response(self.get_serializer(policy).data)


def _refuse_configuring(request: Request, change: dict[str, Any]) -> None:
    if (beyond := sorted(set(change) - OPERABLE)) and not has_role(request.user, ADMIN):
        raise PermissionDenied(f"Changing {', '.join(beyond)} needs the role {ADMIN}.")


def _change(policy: UpdatePolicy, change: Any, by: Any) -> CadenceChange | None:
    """What decides its fires by flows, so that none is lost or doubled; the rest by an edit."""
    fields = change.validated_data
    cadence = {name: fields.pop(name) for name in CADENCE_FIELDS & set(fields)}
    enabled = fields.pop("enabled", None)
    with transaction.atomic():
        if fields:
            change.save()
        if enabled is not None:
            (resume if enabled else pause)(policy, by=by)
        return _change_cadence(policy, cadence, by) if cadence else None


def _change_cadence(policy: UpdatePolicy, wanted: dict[str, Any], by: Any) -> CadenceChange:
    trigger = Trigger(wanted.get("trigger", policy.trigger))
    return change_cadence(policy, replace(policy.cadence, **wanted | {"trigger": trigger}), by=by)
