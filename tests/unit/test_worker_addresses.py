"""Which addresses `http.request` may connect to; how they can be written: test_worker_ssrf.py."""

import pytest

from worker.tasks.addresses import Allowed, PrivateAddress

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "169.254.170.2",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "239.255.255.255",
    "240.0.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fe80::a9fe:a9fe",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "100::1",
    "3fff::1",
    "5f00::1",
    "2001:2::1",
    "2001:10::1",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "::169.254.169.254",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:0:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:a00:1::1",
    "64:ff9b::a9fe:a9fe",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
]
PUBLIC = [
    "1.1.1.1",
    "93.184.215.14",
    "2606:4700:4700::1111",
    "64:ff9b::101:101",
    "::ffff:1.1.1.1",
    "2002:101:101::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(PrivateAddress):
        Allowed.parse("").check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    Allowed.parse("").check(address)


def test_what_an_operator_allows() -> None:
    allowed = Allowed.parse("127.0.0.1, 10.0.0.0/8, [::1], intern.example")
    for address in ("127.0.0.1", "10.9.9.9", "::1", "::ffff:10.0.0.1"):
        allowed.check(address)
    with pytest.raises(PrivateAddress):
        allowed.check("192.168.0.7")
    allowed.resolved("other.example", ["192.168.0.7"])
    with pytest.raises(PrivateAddress):
        allowed.check("192.168.0.7")
    allowed.resolved("Intern.Example.", ["192.168.0.7"])
    allowed.check("192.168.0.7")
