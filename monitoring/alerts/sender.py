"""One message through Apprise, and nowhere that it may not go. Imports no model.

Apprise logs addresses, with the secrets in them, when something is wrong: its log is off
(``settings.LOGGING``).
"""

from __future__ import annotations

from typing import Any

from django.conf import settings

from recadmin.outgoing import public_only


class NotDelivered(RuntimeError):
    """The receiver has not taken the message; says why as far as is known, without the address."""


def service_of(address: str) -> str:
    """Name of the service of an address; "" where Apprise does not understand it."""
    plugin = _plugin(address)
    return str(plugin.service_name) if plugin else ""


def send(address: str, title: str, body: str, kind: str) -> None:
    """Send now; a receiver that does not answer costs some eight seconds. Raises NotDelivered.

    kind : failure, warning, info or success, which services show as they can.
    """
    plugin = _plugin(address)
    if plugin is None:
        raise NotDelivered("Apprise does not understand the address.")
    with public_only(unless=settings.ALERT_PRIVATE_ADDRESSES) as refused:
        taken = plugin.notify(title=title, body=body, notify_type=kind)
    if refused():
        raise NotDelivered("Its address is a private one: see ALERT_PRIVATE_ADDRESSES.")
    if not taken:
        raise NotDelivered("The receiver did not answer, or did not take it.")


def _plugin(address: str) -> Any:
    # It takes 36 MB and half a second, which only processes that send need.
    import apprise

    # A redirect could lead elsewhere than the address that was configured.
    asset = apprise.AppriseAsset(app_id="recadmin", app_desc="recadmin", http_redirects=False)
    return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
