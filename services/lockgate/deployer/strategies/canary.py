"""A step of a canary: the release's clone grows to the step's share of the traffic. Pure.

Each step goes on with the clone of the one before, be that a pilot's. Behind a route it grows before its share does; without
one its pods are the share. Once the last step has passed, `rolling` takes the clone over.
"""

from lockgate.deployer.strategies.beside import Manner, beside, shared
from lockgate.deployer.strategies.given import Next, Region, Target
from lockgate.deployer.strategies.names import Role

_CANARY = Manner("canary's clone", Role.CANARY)


def canary(target: Target, live: Region) -> Next:
    """The next thing to do. Piloted once the clone is ready and has the step's share."""
    return beside(target, live, _CANARY, shared)
