"""Batches as Arrow IPC streams: our own in the sample log, and those that clients send."""

from __future__ import annotations

import struct
from typing import TypeAlias

import pyarrow as pa

from updates.samples.columns import MAX_DECODED_BYTES
from updates.samples.errors import ParseError

# Below this, LZ4's cost a buffer outweighs what it saves (measured at 20 string columns: 24 times
# the time of writing 100 rows for a third fewer bytes, at 1,000 rows 0.3 ms for 45 %).
COMPRESS_FROM_BYTES = 1 << 16

Body: TypeAlias = bytes | bytearray | memoryview


def to_ipc(batch: pa.RecordBatch) -> bytes:
    """A batch as an IPC stream of its own; the same batch gives the same bytes."""
    compression = "lz4" if batch.nbytes >= COMPRESS_FROM_BYTES else None
    options = pa.ipc.IpcWriteOptions(compression=compression, use_threads=False)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


def from_ipc(body: Body) -> pa.RecordBatch:
    """The batch that ``to_ipc`` wrote; for trusted bytes, whose arrays are not validated."""
    with pa.ipc.open_stream(body, options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return reader.read_next_batch()


def read_untrusted(body: Body) -> pa.Table:
    """Read an IPC stream that anybody may have sent; its arrays are fully validated.

    Raises ParseError where it is not a stream, is corrupted, or declares that its buffers hold
    more than ``MAX_DECODED_BYTES`` once decompressed.
    """
    try:
        declared = sum(map(_decompressed_bytes, pa.MessageReader.open_stream(body)))
        if declared > MAX_DECODED_BYTES:
            raise ParseError(
                f"holds {declared} bytes decompressed, at most {MAX_DECODED_BYTES} are allowed"
            )
        with pa.ipc.open_stream(body) as reader:
            table = reader.read_all()
        table.validate(full=True)
    except ParseError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError, struct.error) as error:
        raise ParseError(f"the body is not an Arrow IPC stream: {error}") from error
    return table


# The metadata of a message is a flatbuffer (format/Message.fbs of Apache Arrow): a table starts
# with the distance back to its vtable, which holds the place of each field, 0 where it is absent.
_HEADER, _DICTIONARY_DATA, _BUFFERS, _COMPRESSION = 2, 1, 2, 3


def _decompressed_bytes(message: pa.Message) -> int:
    """Sum of the sizes that the buffers of a message declare to have once decompressed."""
    if message.type not in ("record batch", "dictionary"):
        return 0
    metadata, body = memoryview(message.metadata), memoryview(message.body)
    batch = _table(metadata, _root(metadata), _HEADER)
    if message.type == "dictionary":
        batch = _table(metadata, batch, _DICTIONARY_DATA)
    if not _field(metadata, batch, _COMPRESSION):
        return 0
    vector = _table(metadata, batch, _BUFFERS)
    (count,) = struct.unpack_from("<I", metadata, vector)
    buffers = struct.iter_unpack("<qq", metadata[vector + 4 : vector + 4 + 16 * count])
    # Each compressed buffer starts with its length decompressed, -1 where it was left as it is.
    sizes = [struct.unpack_from("<q", body, offset)[0] for offset, size in buffers if size]
    return sum(max(size, 0) for size in sizes)


def _root(metadata: memoryview) -> int:
    return int(struct.unpack_from("<I", metadata, 0)[0])


def _field(metadata: memoryview, table: int, number: int) -> int:
    """Place of a field of a table, 0 where it is absent."""
    vtable = table - struct.unpack_from("<i", metadata, table)[0]
    (size,) = struct.unpack_from("<H", metadata, vtable)
    if size < 6 + 2 * number:
        return 0
    (offset,) = struct.unpack_from("<H", metadata, vtable + 4 + 2 * number)
    return table + offset if offset else 0


def _table(metadata: memoryview, table: int, number: int) -> int:
    """Place of the table or vector that a field refers to; ValueError where there is none."""
    field = _field(metadata, table, number)
    if not field:
        raise ValueError("a message lacks a field")
    return int(field + struct.unpack_from("<I", metadata, field)[0])
