"""The pilot: a clone of the Deployment runs the new version beside production, with a share of the traffic. Pure."""

from lockgate.deployer.strategies.beside import Manner, beside, shared
from lockgate.deployer.strategies.given import Next, Region, Target
from lockgate.deployer.strategies.names import Role

_PILOT = Manner("pilot's clone", Role.PILOT, goes_on=False)


def pilot(target: Target, live: Region) -> Next:
    """The next thing to do. Piloted once the clone is ready and has its share. Each attempt begins with a new clone."""
    return beside(target, live, _PILOT, shared)
