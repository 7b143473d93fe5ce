"""Past verdicts judged again by what is tried. Pure."""

from collections.abc import Mapping
from typing import Any

from lockgate.cli.backtest import requests, terms
from lockgate.cli.backtest.found import Fell, Finding, NotYet
from lockgate.cli.backtest.history import Case
from lockgate.cli.backtest.policyfile import Tried
from lockgate.messages.plan import Plan
from lockgate.messages.verdicts import Outcome
from lockgate.verifier.statistics.otherwise import Untold, otherwise
from lockgate.verifier.statistics.refusal import EvidenceError


def judged(case: Case, tried: Tried) -> Finding:
    """Of a verdict that has evidence."""
    said = case.said
    fell = Fell(said.outcome, None, "", said.reason)
    if case.plan is None:
        return Finding(case, fell, Untold("the topics do not tell any more which plan its release had"))
    laid = terms.under(tried, case.plan)
    if isinstance(laid, Untold):
        return Finding(case, fell, laid)
    method = said.evidence.get("method")
    if method is None:
        return _of_requests(case, fell, case.plan, laid)
    then = terms.asked(case.plan, said.stage, str(method))
    if then is None:
        return Finding(
            case, fell, Untold(f"the plan of its release measures nothing in a stage {said.stage}")
        )
    try:
        return _of_measuring(case, fell, then, terms.asked(laid, said.stage, str(method)))
    except EvidenceError as error:
        return Finding(case, fell, Untold(f"its evidence cannot be read: {error}"))


def _of_measuring(case: Case, fell: Fell, then: terms.Asked, now: terms.Asked | None) -> Finding:
    before = _made(otherwise(case.said.evidence, {}), then)
    if not isinstance(before, Fell) or before.outcome is not fell.outcome:
        text = "this version of the method comes to another verdict by the very policy that it fell by: see `lockgate verify --again`"
        return Finding(case, fell, Untold(text))
    changes = terms.changes(then, now)
    if isinstance(changes, Untold):
        return Finding(case, before, changes)
    return Finding(case, before, _made(otherwise(case.said.evidence, changes), now or then), then.step)


def _made(verdict: Mapping[str, Any] | Untold, asked: terms.Asked) -> Fell | NotYet | Untold:
    if isinstance(verdict, Untold):
        return verdict
    if verdict["verdict"] == "running":
        return NotYet(verdict["at"])
    outcome = Outcome(verdict["verdict"])
    follows = asked.terms.then if outcome is Outcome.INCONCLUSIVE else None
    return Fell(outcome, verdict["at"], verdict["why"], verdict["reason"], follows)


def _of_requests(case: Case, fell: Fell, plan: Plan, laid: Plan) -> Finding:
    then = requests.asked(plan, case.said.stage)
    if then is None:
        return Finding(case, fell, Untold("its evidence is of no method that is known here"))
    before = then.followed(fell)
    return Finding(
        case, before, requests.would(case.said, before, then, requests.asked(laid, case.said.stage))
    )
