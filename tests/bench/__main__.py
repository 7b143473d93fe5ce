"""`python -m tests.bench [--profile] [NAME...]` runs all benches, or those named, and writes their figures."""

import sys

from tests.bench import (
    anomaly,
    anomaly_clusters,
    chain,
    door,
    failover,
    hop,
    ledger,
    measuring,
    replay,
    rollouts,
    runtime,
    verdicts,
)
from tests.bench.figures import write

BENCHES = {
    "runtime": runtime.measure,
    "replay": replay.measure,
    "ledger": ledger.measure,
    "hop": hop.measure,
    "chain": chain.measure,
    "verdicts": verdicts.measure,
    "measuring": measuring.measure,
    "door": door.measure,
    "rollouts": rollouts.measure,
    "anomaly": anomaly.measure,
    "anomaly-clusters": anomaly_clusters.measure,
    "failover": failover.measure,
}


def main(arguments: list[str]) -> int:
    profile = "--profile" in arguments
    names = [argument for argument in arguments if argument != "--profile"] or list(BENCHES)
    if unknown := set(names) - BENCHES.keys():
        sys.stderr.write(f"no such bench: {', '.join(sorted(unknown))}. There are: {', '.join(BENCHES)}\n")
        return 2
    for name in names:
        for figure in BENCHES[name](profile=profile):
            if profile:  # which slows it down: such a figure is not kept
                sys.stdout.write(f"{figure.sentence}\n")
            else:
                write(figure)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
