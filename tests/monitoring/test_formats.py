"""How templates write what they show."""

import pytest

from monitoring.templatetags import formats


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (900, "900 B"), (2048, "2.0 KiB"), (5 * 2**20, "5.0 MiB")]
)
def test_bytes_come_in_binary_units(value, said):
    assert formats.byte_count(value) == said


@pytest.mark.parametrize("write", [formats.duration, formats.whole, formats.ratio, formats.signed])
def test_what_is_not_known_is_a_dash(write):
    assert write(None) == "–"
