"""What a verdict says to people: which metric, by how much, since when, how sure, and what would be needed."""

from lockgate.verifier.statistics.alternatives import Alternatives, Metric
from lockgate.verifier.statistics.deciding import Outcome
from lockgate.verifier.statistics.judging import Judged
from lockgate.verifier.statistics.measured import Block, Setup
from lockgate.verifier.statistics.numerics import exp, total
from lockgate.verifier.statistics.outlook import needed

_UNMEASURABLE = {
    "baseline": "there is no pod of production beside it",
    "weight": "no traffic was routed to it",
    "strata": "too few scrapes had requests to both it and production",
    "stale": "the last scrapes had nothing that could be compared",
}
_RULES = {
    "silence": "The pilot got no request in {silent} scrapes in which its share of the traffic would have been some.",
    "down": "The pilot was down for {silent} scrapes while production was up.",
}


FORECAST = "would need about "
"""Before the number of scrapes that are missing."""
_OF_REGIONS = (
    ("a good pilot", "a good release"),
    ("production was", "the other regions were"),
    ("production's", "what is usual beside the other regions"),
    (" production", " what is usual beside the other regions"),
    ("he pilot", "he region"),
)
"""What is said otherwise of a region that is compared with others."""


def sentence(outcome: Outcome, setup: Setup, block: Block, judged: Judged, alternatives: Alternatives) -> str:
    text = _of_a_pilot(outcome, setup, block, judged, alternatives)
    for words, instead in _OF_REGIONS if setup.usual is not None else ():
        text = text.replace(words, instead)
    return text


def _of_a_pilot(
    outcome: Outcome, setup: Setup, block: Block, judged: Judged, alternatives: Alternatives
) -> str:
    policy = setup.policy
    match outcome.verdict:
        case "fail" if outcome.why in _RULES:
            return _RULES[outcome.why].format(silent=policy.silent)
        case "fail":
            return _worse(outcome, block, judged, alternatives.metrics, policy.alpha)
        case "pass":
            return f"After {outcome.at} scrapes the pilot is shown to be within the margins: {_margins(setup, block)}."
        case "running":
            return f"Nothing is proven after {outcome.at} of {policy.deadline} scrapes."
        case "unmeasurable":
            why = _UNMEASURABLE.get(outcome.why, f"nothing was told of {outcome.why}, which is required")
            return f"The pilot could not be measured: {why}."
        case "inconclusive":
            return _undecided(outcome, block, judged, alternatives)


def _margins(setup: Setup, block: Block) -> str:
    policy, requests = setup.policy, int(total(block.n[:, 0]))
    if policy.err_none and not total(block.events[:, 0].sum(axis=1)):
        said = [f"no error in {requests} requests, so below {policy.err_none:.3g} of them"]
    else:
        said = [f"errors below {policy.err_margin:g} times production's"]
    if setup.bounds:
        said.append(f"latency below {policy.lat_margin:.0%} more")
    if names := [name for name, model in zip(setup.gauges, setup.models, strict=True) if model]:
        said.append(f"{', '.join(names)} below {policy.g_margin:.0%} more")
    return "; ".join(said)


def _worse(outcome: Outcome, block: Block, judged: Judged, metrics: tuple[Metric, ...], alpha: float) -> str:
    column, metric = next((j, one) for j, one in enumerate(metrics) if one.name == outcome.guilty[0])
    since = int(block.t[judged.onset[-1, column]]) + 1
    size = float(judged.estimate[-1, column])
    match metric.family:
        case "errors":
            what = f"the pilot's requests fail {size:.3g} times as often as production's"
        case "latency":
            bound = metric.name.partition(">")[2]
            what = f"the odds that a request of the pilot takes longer than {bound} s are {size:.3g} times production's"
        case "share":
            what = f"the pilot gets {size:.0%} of the traffic that was to be routed to it"
        case _:
            what = f"{metric.name} of the pilot is {float(exp(judged.estimate[-1:, column])[0]) - 1:.0%} above production's"
    odds = float(exp(judged.ln_total[-1:])[0])
    others = f", and {', '.join(outcome.guilty[1:])} as well" if len(outcome.guilty) > 1 else ""
    return f"Since scrape {since} {what}{others}: evidence of {odds:.3g} to 1, and {1 / alpha:.3g} to 1 is enough."


def _undecided(outcome: Outcome, block: Block, judged: Judged, alternatives: Alternatives) -> str:
    match outcome.hindrance:
        case "suspicious":
            return (
                f"The time is over: everything is shown to be within its margin, but {outcome.why} looks worse than "
                "a pass allows."
            )
        case "late":
            return (
                "The time is over: everything was shown to be within its margin, but nothing could be compared after "
                "the pilot had soaked."
            )
        case "unproven":
            return _unproven(outcome, block, judged, alternatives)


def _unproven(outcome: Outcome, block: Block, judged: Judged, alternatives: Alternatives) -> str:
    text = (
        f"The time is over and {outcome.why} is neither proven worse by as much as matters nor shown to be within its "
        "margin"
    )
    more = needed(alternatives, block, judged.ln_pass[-1])
    if more is None or more[0] == 0:
        return f"{text}."
    return f"{text}; a good pilot {FORECAST}{more[0]} scrapes more, with {more[1]} requests to it."
