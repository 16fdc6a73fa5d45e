"""Which machines may be asked: public ones, unless a recipe allows a network by its number.

A name is resolved once, all its answers are judged, and the connection goes to a judged answer, so
a name that answers differently the second time gains nothing.
"""

import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import TypeAlias

import httpcore

from hashtag2action.errors import FetchError
from hashtag2action.transfer.deadline import Deadline, TimedStream

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver: TypeAlias = Callable[[str, int], list[str]]
"""Host and port -> numeric addresses. Raises OSError where there are none."""

_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "64:ff9b:1::/48",  # local translation (RFC 8215)
        "192.88.99.0/24",  # relays of 6to4, given up (RFC 7526)
        "168.63.129.16/32",  # public by number, inside of one cloud by use
    )
)
"""Networks that count as public by number and lead inside."""


class PrivateAddressError(FetchError):
    """An address that leads to this machine or its neighbors."""

    def __init__(self) -> None:
        super().__init__("private address")


class UnknownHostError(FetchError):
    """A name that has no address."""

    def __init__(self) -> None:
        super().__init__("unknown host")


class Guard:
    """Resolves names, and refuses those that lead inside."""

    def __init__(self, allowed: Iterable[str] = (), resolver: Resolver | None = None) -> None:
        self._allowed = tuple(ipaddress.ip_network(text) for text in allowed)
        self._resolver = resolver or system_resolver

    def resolve(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host.

        Raises:
            PrivateAddressError: One of them is not allowed: a name that leads outside and inside
                at once is refused as a whole.
            UnknownHostError: It has none.
        """
        try:
            answers = self._resolver(host, port)
        except UnicodeError as error:
            raise UnknownHostError from error
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise httpcore.ConnectError("no answer to the name") from error
            raise UnknownHostError from error
        if not answers:
            raise UnknownHostError
        if not all(self.allows(ipaddress.ip_address(text.partition("%")[0])) for text in answers):
            raise PrivateAddressError
        return answers

    def allows(self, address: Address) -> bool:
        """Say whether an address may be connected to, in every form it may be written in."""
        inner = _inner(address)
        if any(_is_in(one, network) for one in inner[-1:] for network in self._allowed):
            return True
        return all(
            one.is_global
            and not one.is_multicast
            and not one.is_reserved
            and not any(_is_in(one, network) for network in _NEVER)
            for one in inner
        )


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to the addresses a guard lets through, and to no others.

    Args:
        guard: Judges addresses.
        deadline: Until when connections may be read.
    """

    def __init__(self, guard: Guard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        failure: httpcore.NetworkError | httpcore.TimeoutException | None = None
        for address in self._guard.resolve(host, port):
            try:
                limit_s = self._deadline.cut(timeout)
                stream = self._sockets.connect_tcp(
                    address, port, limit_s, local_address, socket_options
                )
                return TimedStream(stream, self._deadline)
            except (httpcore.NetworkError, httpcore.TimeoutException) as error:
                failure = error
        assert failure is not None, "a guard returns addresses or raises"
        raise failure

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Refuse: a socket of this machine is no address of a video."""
        raise PrivateAddressError


def system_resolver(host: str, port: int) -> list[str]:
    """Ask the system. It also reads numbers in other bases, such as 0x7f000001."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _inner(address: Address) -> list[Address]:
    """Return an address and the IPv4 addresses it holds, the one that is meant last."""
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if address.teredo:
            found += address.teredo
        if address.sixtofour:
            found.append(address.sixtofour)
        if address in _TRANSLATED:
            found.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.ipv4_mapped:
            return [address.ipv4_mapped]
    return found


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
