"""A published plan: checked under `*`, where regions and packages are known; given its version under the application."""

from datetime import datetime

from lockgate.intake.problems import Problem, check, named_regions
from lockgate.intake.rows import Claim, Claimed, NewestPlan, Region, RegionNames, shared_many
from lockgate.intake.words import clip, listed, sentence
from lockgate.messages.decision import NOTHING, On, Rows, Step, emit, put, remove
from lockgate.messages.message import Message
from lockgate.messages.plan import Plan
from lockgate.messages.plans import PlanPublished
from lockgate.messages.releases import PlanAccepted, PlanRefused

_MOST_PROBLEMS = 100  # of a sentence each: the event stays small


def published(rows: Rows, given: Message[PlanPublished], _now: datetime) -> Step:
    """Under `*`: every problem at once, or the claim on the package and the plan goes on to its application."""
    raw = given.body.plan
    plan = check(raw)
    broken = () if isinstance(plan, Plan) else plan
    problems = (*broken, *_unknown_regions(rows, raw), *_claimed_by_another(rows, raw))
    if isinstance(plan, Plan) and not problems:
        return _claim(rows, plan) + Step(forward=(plan.application,))
    return emit(PlanRefused(application=_application(raw), problems=_sentences(problems)))


def _application(raw: dict[str, object]) -> str:
    return clip(str(raw.get("application", "")), 256)


def _sentences(problems: tuple[Problem, ...]) -> tuple[str, ...]:
    told = tuple(sentence(str(problem)) for problem in problems[:_MOST_PROBLEMS])
    more = len(problems) - len(told)
    return (*told, f"and {more} more problems: correct these first") if more else told


def _unknown_regions(rows: Rows, raw: dict[str, object]) -> tuple[Problem, ...]:
    named = named_regions(raw)
    known = shared_many(rows, Region, tuple(dict.fromkeys(region for _path, region in named)))
    unknown = [(path, region) for path, region in named if region not in known]
    if not unknown:
        return ()
    known_names = rows.get(RegionNames)
    hint = (
        f"registered are {listed(known_names.names, total=known_names.total)}"
        if known_names
        else "no region is registered yet"
    )
    return tuple(
        Problem(
            path,
            f"no deployer has registered {region}: start its deployer first, or correct the name; {hint}",
        )
        for path, region in unknown
    )


def _claimed_by_another(rows: Rows, raw: dict[str, object]) -> tuple[Problem, ...]:
    package, application = raw.get("artifact"), raw.get("application")
    claim = rows.get(Claim, package) if isinstance(package, str) else None
    if claim is None or claim.application == application:
        return ()
    problem = (
        f"{package} belongs to the application {claim.application}, and a package has one application: "
        f"correct the package, or publish a plan of {claim.application} with another one first"
    )
    return (Problem(("artifact",), problem),)


def _claim(rows: Rows, plan: Plan) -> Step:
    before = rows.get(Claimed, plan.application)
    if before is not None and before.package == plan.artifact:
        return NOTHING
    dropped = remove(Claim, before.package) if before is not None else NOTHING
    claim = put(Claim(application=plan.application), plan.artifact)
    return dropped + claim + put(Claimed(package=plan.artifact), plan.application)


def accepted(rows: Rows, given: Message[PlanPublished], _now: datetime) -> Step:
    """Under the application: the next version. An identical plan keeps its version, and is answered with it, so
    that whoever publishes a plan always hears which version holds.
    """
    plan = check(given.body.plan)
    if not isinstance(plan, Plan):
        raise TypeError(f"a plan that `*` refused came to the application {rows.key}")
    newest = rows.get(NewestPlan)
    if newest is not None and newest.plan == plan:
        return emit(PlanAccepted(application=rows.key, version=newest.version, plan=plan))
    version = newest.version + 1 if newest is not None else 1
    return put(NewestPlan(version=version, plan=plan)) + emit(
        PlanAccepted(application=rows.key, version=version, plan=plan)
    )


def _touched(given: Message[PlanPublished]) -> tuple[tuple[type[Region | Claim | Claimed], str], ...]:
    raw = given.body.plan
    named = ((Claim, raw.get("artifact")), (Claimed, raw.get("application")))
    regions = ((Region, region) for _path, region in named_regions(raw))
    return (*regions, *((row, id_) for row, id_ in named if isinstance(id_, str)))


PUBLISHED = On(published, _touched)
ACCEPTED = On(accepted, lambda _given: ((NewestPlan, ""),))
