"""What this process sends goes to public addresses only."""

import pytest

from recadmin.outgoing import is_public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        (("93.184.216.34", 443), True),
        (("2606:4700::1111", 443, 0, 0), True),
        (("10.0.0.1", 443), False),
        (("169.254.169.254", 80), False),
        (("100.64.0.1", 80), False),
        (("0.0.0.0", 80), False),
        (("::1", 80, 0, 0), False),
        (("::ffff:127.0.0.1", 80, 0, 0), False),
        (("fe80::1%eth0", 80, 0, 2), False),
        (("224.0.0.1", 80), False),
        (("not-resolved", 80), False),
        ("valkey.sock", False),
    ],
)
def test_which_addresses_are_public(address, public):
    assert is_public(address) is public
