"""What a flow refuses, told to the person who asked."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest
from django.utils.html import format_html

from updates.admin.shown import link
from updates.flows.trigger import TriggerError, WriterBusy
from updates.samples.log import LogUnavailable


@contextmanager
def told(request: HttpRequest) -> Iterator[None]:
    """Within it a flow's refusal becomes a message; nothing was changed."""
    try:
        yield
    except WriterBusy as busy:
        messages.warning(request, format_html("{} See {}.", busy, link(busy.run)))
    except TriggerError as refusal:
        messages.error(request, str(refusal))
    except LogUnavailable:
        messages.error(request, "The sample log does not answer: nothing was changed.")
