"""How templates write numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString

from updates import words

register = template.Library()
NOTHING = "–"
# What a template hands over for None and for a key that a dictionary lacks.
MISSING = (None, "")
register.filter("cadence_words", words.cadence)


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds in words; a dash for None."""
    return NOTHING if seconds in MISSING else words.duration(seconds)


@register.filter
def whole(value: float | None) -> str:
    """A count with thousands separated; a dash for None."""
    return NOTHING if value in MISSING else f"{value:,.0f}"


@register.filter
def ratio(value: float | None) -> str:
    """NE, AUC and the like to four places; a dash for None."""
    return NOTHING if value in MISSING else f"{value:.4f}"


@register.filter
def share(value: float | None) -> str:
    """A share of one in percent; a dash for None."""
    return NOTHING if value in MISSING else f"{value:.1%}".replace("%", " %").replace("-", "−")


@register.filter
def signed(value: float | None) -> str:
    """A difference or a weight, with its sign; a dash for None."""
    return NOTHING if value in MISSING else f"{value:+.4f}".replace("-", "−")


@register.filter
def saved(share_saved: float | None) -> str:
    """A share that is saved, or that is needed more, in words; nothing where neither is."""
    if not share_saved:
        return ""
    return f"{share(abs(share_saved))} {'saved' if share_saved > 0 else 'more'}"


@register.filter
def byte_count(value: float | None) -> str:
    """Bytes in binary units; a dash for None."""
    if value in MISSING:
        return NOTHING
    size = float(value)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:,.0f} B" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"


@register.filter
def when(at: datetime | str | None) -> SafeString | str:
    """A time as a time element, which the page puts into the reader's time zone."""
    moment = parse_datetime(at) if isinstance(at, str) else at
    if moment is None:
        return NOTHING
    utc = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" data-when>{}</time>',
        utc.isoformat(timespec="milliseconds"),
        f"{utc:%Y-%m-%d %H:%M:%S} UTC",
    )


@register.filter
def relative(at: datetime | None) -> SafeString | str:
    """How long ago or until then, as a time element that the page keeps counting."""
    if at is None:
        return NOTHING
    seconds = (at - timezone.now()).total_seconds()
    phrase = words.duration(seconds)
    return format_html(
        '<time datetime="{}" data-relative>{}</time>',
        at.astimezone(UTC).isoformat(timespec="milliseconds"),
        f"in {phrase}" if seconds > 0 else f"{phrase} ago",
    )


@register.filter
def since(at: datetime) -> SafeString:
    """How long it has lasted, as a time element that the page keeps counting."""
    return format_html(
        '<time datetime="{}" data-since>{}</time>',
        at.astimezone(UTC).isoformat(timespec="milliseconds"),
        words.duration((timezone.now() - at).total_seconds()),
    )


@register.filter
def percent_of(part: float | None, total: float | None) -> int | None:
    """Part of total in whole percent; None where the total is unknown."""
    return round(100 * part / total) if part is not None and total else None


@register.simple_tag
@lru_cache(maxsize=100)
def state(name: str) -> SafeString:
    """A state or a cause as a colour, a sign and a word; rendered once, as pages show hundreds."""
    return render_to_string("monitoring/_state.html", {"state": name})


@register.simple_tag(takes_context=True)
def page_link(context: dict[str, Any], name: str, number: int) -> str:
    """The present address with another page number under that name."""
    query = context["request"].GET.copy()
    query[name] = str(number)
    return f"?{query.urlencode()}"
