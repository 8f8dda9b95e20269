"""Bodies, bounded: by their length as sent and by their length unpacked."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework import parsers
from rest_framework.exceptions import ParseError as Unreadable

from updates.api.problems import Problem, too_long
from updates.samples import parse
from updates.samples.forms import SAMPLES, Form
from updates.samples.schema import SampleSchema

NDJSON = "application/x-ndjson"
ARROW_STREAM = "application/vnd.apache.arrow.stream"


def read_body(stream: Any, context: Mapping[str, Any]) -> bytes:
    """The body, unpacked where it is gzip; 413 above DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(limit + 1)
    encoding = context["request"].META.get("HTTP_CONTENT_ENCODING", "identity").lower()
    if encoding == "gzip" and len(body) <= limit:
        body = _unpack(body, limit)
    elif encoding not in ("identity", "gzip"):
        raise Problem(415, f"Content-Encoding must be gzip or identity, got {encoding}.")
    if len(body) > limit:
        raise too_long()
    return body


def _unpack(body: bytes, limit: int) -> bytes:
    packed = zlib.decompressobj(wbits=31)
    try:
        unpacked = packed.decompress(body, limit + 1)
    except zlib.error as error:
        raise Unreadable(f"The body is not gzip: {error}.") from error
    if len(unpacked) <= limit and not packed.eof:
        raise Unreadable("The gzip body ends too early.")
    return unpacked


class JSONParser(parsers.JSONParser):
    """JSON of bounded length."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        body = io.BytesIO(read_body(stream, parser_context))
        return super().parse(body, media_type, parser_context)


@dataclass(frozen=True)
class SampleBody:
    """Rows as they came, and how to read them once the recommender's schema is known."""

    parse: Callable[..., parse.ParsedBatch]
    content: Any

    def read(self, schema: SampleSchema, form: Form = SAMPLES) -> parse.ParsedBatch:
        """Good rows and refused ones; raises ParseError where nothing can be read."""
        return self.parse(schema, self.content, form=form)


class JSONSamples(JSONParser):
    """A list of rows."""

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> SampleBody:
        rows = super().parse(stream, media_type, parser_context)
        if not isinstance(rows, list):
            raise Unreadable(f"The body must be a list of rows, got {type(rows).__name__}.")
        return SampleBody(parse.parse_rows, rows)


class NDJSONSamples(parsers.BaseParser):
    """One row a line."""

    media_type = NDJSON

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> SampleBody:
        return SampleBody(parse.parse_ndjson, read_body(stream, parser_context))


class ArrowSamples(parsers.BaseParser):
    """An Arrow IPC stream."""

    media_type = ARROW_STREAM

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None
    ) -> SampleBody:
        return SampleBody(parse.parse_arrow, read_body(stream, parser_context))
