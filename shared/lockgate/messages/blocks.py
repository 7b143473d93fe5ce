"""Blocks of addresses that a plan may open to an environment. Pure.

A block says nothing of what is behind it, so it is kept small, and none is what every node has: its own addresses, and the
cloud's metadata, from which a pod gets the node's credentials.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

Block = IPv4Network | IPv6Network

WIDEST: Final = {4: 16, 6: 48}
"""The shortest prefix of a block, by the version of its addresses."""

DNS_OF_THE_NODE: Final = ip_network("169.254.20.10/32")
"""Where NodeLocal DNSCache listens, on every node that has one. Nothing else has this address."""

_NEVER: Final = {
    "loopback": ("127.0.0.0/8", "::1/128"),
    "link-local, where clouds have their metadata": ("169.254.0.0/16", "fe80::/10"),
    "a cloud's metadata": (
        "100.100.100.200/32",
        "168.63.129.16/32",
        "192.0.0.192/32",
        "fd00:ec2::254/128",
        "fd20:ce::254/128",
    ),
    "nobody's": ("0.0.0.0/8", "::/128"),
    "multicast or reserved": ("224.0.0.0/3", "ff00::/8"),
    "IPv4 addresses within IPv6": ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"),
}


def block_of(cidr: str) -> Block:
    """The block that is written, however wide. ValueError with what to write if it is none."""
    if "%" in cidr:
        raise ValueError(f"{cidr} is of one interface of one node: write a block without it")
    try:
        return ip_network(cidr)
    except ValueError as error:
        raise ValueError(f"{error}: write a block of addresses such as 10.20.0.0/16") from None


def forbidden(block: Block, ports: list[int]) -> str | None:
    """Why an environment may not talk to this block, and what to write; None if it may."""
    if block == DNS_OF_THE_NODE and ports == [53]:
        return None
    if block.prefixlen == 0:
        return f"{block} is everything, production included: write only the blocks that are needed"
    if block.prefixlen < (widest := WIDEST[block.version]):
        return (
            f"{block} is too wide not to hold something of production: write blocks of /{widest} or narrower"
        )
    for whose, blocks in _NEVER.items():
        if any(_overlap(block, ip_network(each)) for each in blocks):
            return f"{block} has addresses that are {whose}: no environment talks to them, so take them out of it"
    return None


def _overlap(one: Block, other: Block) -> bool:
    if isinstance(one, IPv4Network) != isinstance(other, IPv4Network):
        return False
    return one.overlaps(other)
