"""What a plan must have so that its pilots and requests can be measured at all: rules between its metrics and its stages.

Pure. For the check of a plan that is written; not for its model, by which plans that were accepted before are read.
"""

import math
from collections.abc import Iterator
from typing import Final

from lockgate.messages.plan import PilotStage, Plan, PreprodStage
from lockgate.messages.stage_rules import Breach
from lockgate.messages.values import write_duration

LEAST_SCRAPES: Final = 10
"""Of a verification: with fewer nothing can pass."""
LEAST_REQUESTS: Final = 20
"""Of those that are judged together: with fewer nothing is measured."""
BETA: Final = 0.05
"""How likely a pass may be where as many fail as may."""
BY_BACKEND: Final = ("envoy-gateway", "nginx")
"""Presets that count at the gateway, by backend."""


def unmeasurable(plan: Plan) -> Iterator[Breach]:
    """Every rule that is broken, with its place and what to write instead."""
    yield from _too_few(plan)
    least = LEAST_SCRAPES * plan.metrics.interval
    for i, stage in enumerate(plan.stages):
        if not isinstance(stage, PilotStage):
            continue
        after = stage.after
        if after.verify < least:
            yield (
                ("stages", i, "after", "verify"),
                (
                    f"{write_duration(after.verify)} have fewer than {LEAST_SCRAPES} scrapes of "
                    f"{write_duration(plan.metrics.interval)}, too few to pass: write at least "
                    f"{write_duration(least)}, or a shorter metrics.interval"
                ),
            )
        if after.soak > after.verify:
            yield (
                ("stages", i, "after", "soak"),
                (
                    f"nothing could pass: the pilot soaks for {write_duration(after.soak)} and is compared for "
                    f"{write_duration(after.verify)}: write at most {write_duration(after.verify)}"
                ),
            )
        if plan.metrics.preset in BY_BACKEND and not plan.workload.is_by_http_route:
            yield (
                ("metrics", "preset"),
                (
                    f"{plan.metrics.preset} counts by backend, and without an HTTPRoute the pilot has none of its own: "
                    "name it as workload.route, or write a preset that counts by pod, such as opentelemetry-http or istio"
                ),
            )
            return


def _too_few(plan: Plan) -> Iterator[Breach]:
    """Requests that are judged together, and too few to prove that no more of them fail than may."""
    for i, stage in enumerate(plan.stages):
        if not isinstance(stage, PreprodStage):
            continue
        sent = sum(request.times for request in stage.requests if request.times > 1)
        if sent and (sent < LEAST_REQUESTS or (1 - stage.failures) ** sent > BETA):
            needed = max(LEAST_REQUESTS, math.ceil(math.log(BETA) / math.log(1 - stage.failures)))
            yield (
                ("stages", i, "requests"),
                (
                    f"the requests with `times` are {sent} together, and at least {needed} without a failure prove that no "
                    f"more than {100 * stage.failures:.4g} % fail: send more of them, or allow more `failures`"
                ),
            )
