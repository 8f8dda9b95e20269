"""The admin's channels of alerts. What an address says is entered here and never shown again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

from monitoring.alerts.sender import NotDelivered, send, service_of
from monitoring.models import AlertChannel
from recadmin.roles import ADMIN, has_role


class ChannelForm(forms.ModelForm):
    new_address = forms.CharField(
        required=False,
        label="New address",
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="As Apprise understands it, e.g. slack://… or mailto://…; it is not shown again. "
        "Empty leaves it as it is.",
    )

    class Meta:
        model = AlertChannel
        fields = ["name", "new_address", "min_severity", "recommenders", "enabled"]
        widgets = {"recommenders": forms.CheckboxSelectMultiple}

    def clean_new_address(self) -> str:
        given = self.cleaned_data["new_address"].strip()
        if not given and not self.instance.address:
            raise ValidationError("Where are alerts to be sent?")
        if given and not service_of(given):
            raise ValidationError("Apprise does not understand this address.")
        # Before the model cleans itself.
        self.instance.address = given or self.instance.address
        return given


@admin.register(AlertChannel)
class AlertChannelAdmin(admin.ModelAdmin):
    form = ChannelForm
    list_display = ["name", "masked", "min_severity", "enabled"]
    readonly_fields = ["masked"]
    actions = ["send_test"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Who may only look sees no address, not even the field for a new one."""
        fields = ["name", "masked", "min_severity", "recommenders", "enabled"]
        if not has_role(request.user, ADMIN):
            return fields
        return ["name", *(["masked"] if obj else []), "new_address", *fields[2:]]

    def save_model(self, request: HttpRequest, obj: AlertChannel, form: Any, change: bool) -> None:
        if not change:
            obj.save(force_insert=True)
            return
        names = {"address" if name == "new_address" else name for name in form.changed_data}
        obj.save(update_fields=sorted(names - {"recommenders"}))

    @admin.display(description="address")
    def masked(self, channel: AlertChannel) -> str:
        return channel.masked

    @admin.action(description="Send a test message", permissions=["change"])
    def send_test(self, request: HttpRequest, queryset: QuerySet[AlertChannel]) -> None:
        for channel in queryset:
            try:
                send(channel.address, "recadmin: a test", "Alerts come to this channel.", "info")
            except NotDelivered as error:
                self.message_user(request, f"{channel}: {error}", messages.ERROR)
            else:
                self.message_user(request, f"{channel} has taken the test message.")
