import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashtag2action.transfer.addresses import (
    Guard,
    PrivateAddressError,
    UnknownHostError,
    system_resolver,
)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "168.63.129.16",
        "::1", "::", "fe80::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:a00:1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001:0:7f00:1::1",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_lead_inside_are_refused_in_every_form(text: str) -> None:
    assert not Guard().allows(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(text: str) -> None:
    assert Guard().allows(ipaddress.ip_address(text))


@given(st.ip_addresses(v=4))
def test_what_is_refused_as_ipv4_is_refused_in_every_ipv6_form(address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert Guard().allows(mapped) == Guard().allows(address)
    if not Guard().allows(address):
        for number in (0x64FF9B << 96, 0x2002 << 112):
            shift = 80 if number >> 112 == 0x2002 else 0
            assert not Guard().allows(ipaddress.IPv6Address(number | int(address) << shift))


def test_network_that_a_recipe_names_is_allowed_and_no_other() -> None:
    guard = Guard(["10.1.0.0/16"])
    assert guard.allows(ipaddress.ip_address("10.1.2.3"))
    assert guard.allows(ipaddress.ip_address("::ffff:10.1.2.3"))
    assert not guard.allows(ipaddress.ip_address("10.2.0.1"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost"])
def test_numbers_in_other_bases_are_judged_by_what_they_mean(host: str) -> None:
    with pytest.raises(PrivateAddressError):
        Guard().resolve(host, 80)


def test_name_that_leads_outside_and_inside_is_refused() -> None:
    guard = Guard(resolver=lambda host, port: ["8.8.8.8", "10.0.0.1"])
    with pytest.raises(PrivateAddressError):
        guard.resolve("both.example", 443)


def test_name_without_an_address_is_unknown() -> None:
    def nothing(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no name")

    for resolver in (nothing, lambda host, port: []):
        with pytest.raises(UnknownHostError):
            Guard(resolver=resolver).resolve("nowhere.example", 80)
    with pytest.raises(UnknownHostError):
        Guard(resolver=system_resolver).resolve("a" * 70 + ".example", 80)
