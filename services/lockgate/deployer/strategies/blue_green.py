"""Blue-green: production is blue, a clone of its full size is green, and one write sends all traffic to it. Pure.

Blue is left as it is, so that the way back is one write as well. Later `rolling` takes green over: the Deployment rolls
while it has no traffic, gets all of it back in one write, and green goes.
"""

from lockgate.deployer.reports import Prepared
from lockgate.deployer.strategies.beside import Manner, beside, piloted
from lockgate.deployer.strategies.given import Next, Region, Target
from lockgate.deployer.strategies.names import Role
from lockgate.deployer.traffic import Traffic

_GREEN = Manner("green side", Role.GREEN, apart=True, dark=True)
_SWITCHED = Manner("green side", Role.GREEN, apart=True)


def green(target: Target, live: Region) -> Next:
    """The next thing to do. Prepared once green is ready behind a Service of its own, and has no traffic."""
    return beside(target, live, _GREEN, lambda _target, _live, _traffic: Prepared())


def switch(target: Target, live: Region) -> Next:
    """The next thing to do. Piloted once all traffic goes to green."""
    return beside(target, live, _SWITCHED, _switched)


def _switched(target: Target, live: Region, traffic: Traffic) -> Next:
    return traffic.switch(target, live) or piloted(target, live, share=1.0)
