"""Whether the regions that others are compared with are steady themselves: each against the rest, as if it had the release.

Without that a control region that goes astray would look like a guilty release.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from lockgate.verifier.statistics.evidence import Evidence
from lockgate.verifier.statistics.verification import Verification

ENOUGH = 3
"""With fewer regions it cannot be told which of them has gone astray."""


def astray(evidence: Evidence, regions: Mapping[str, str], began: int, scrapes: int) -> tuple[str, ...]:
    """The control regions that fail within so many scrapes since the start, although nothing was deployed to them.

    `regions`: of each baseline pod by name; `began`: as in `Verification.of`. Empty if there are fewer than three.
    """
    names = evidence.names[: evidence.split]
    found = sorted({regions[name] for name in names})
    if len(found) < ENOUGH:
        return ()
    return tuple(
        region for region in found if _fails(_against_the_rest(evidence, regions, region), began, scrapes)
    )


def unstable(evidence: Evidence, regions: Mapping[str, str], began: int, scrapes: int) -> bool:
    """Whether so many go astray that nothing can be compared with them: half of them."""
    count = len({regions[name] for name in evidence.names[: evidence.split]})
    gone = len(astray(evidence, regions, began, scrapes))
    return gone > 0 and 2 * gone >= count


def _fails(evidence: Evidence, began: int, scrapes: int) -> bool:
    run = Verification.of(evidence, began)
    return run.fold(evidence, evidence.start + scrapes).verdict == "fail"


def _against_the_rest(evidence: Evidence, regions: Mapping[str, str], region: str) -> Evidence:
    """The same without the pods that are judged, and with those of one region in their place."""
    own = np.array([regions[name] == region for name in evidence.names[: evidence.split]])
    order = np.concatenate((np.flatnonzero(~own), np.flatnonzero(own)))
    return replace(
        evidence,
        names=tuple(evidence.names[index] for index in order),
        pilots=own[order],
        counters=evidence.counters[:, order],
        seen=evidence.seen[:, order],
        gauges={name: values[:, order] for name, values in evidence.gauges.items()},
        ready=evidence.ready[:, order],
        restarts=evidence.restarts[:, order],
    )
