"""Safeguards, each with the place in the code where it is: a guard, halt, fence, mark, order, deadline or debt.

A mutant is the code with one of them taken away, text for text. `test_safeguards` shows that some history goes wrong
without it; so neither the safeguard nor the check that misses it is lost unnoticed. Where a safeguard is written
otherwise than here, taking it away fails and says so: write it here as it is now.
"""

from lockgate.deployer.core import floors, orders, steps
from lockgate.intake.core import admission, lane, progress, regions, unrecovered, versions
from lockgate.rollback.core import answers, debts, flags, halting, histories, ladder, releases, settling
from lockgate.runtime import parking
from lockgate.verifier.core import (
    anomalies,
    concluding,
    grants,
    preprod,
    recovery,
    stages,
    watch,
    waves,
)
from lockgate.verifier.core.scene import Scene
from tests.simulation.check_mutants import CHECKS
from tests.simulation.cluster import Cluster
from tests.simulation.demand_mutants import DEMANDS
from tests.simulation.faults import Faults
from tests.simulation.fix_mutants import FIXES
from tests.simulation.holding_mutants import HOLDING
from tests.simulation.node import Node
from tests.simulation.recovering_mutants import RECOVERING
from tests.simulation.taking_away import Mutant, code_of, take_away
from tests.simulation.taking_away import without as _without
from tests.simulation.timing import Timing
from tests.simulation.working import Working

_RUNTIME = {
    "the high-water mark": _without(
        parking, "hold", ("if mark is not None and number <= mark:", "if False:")
    ),
    "waiting for causes": _without(
        parking,
        "hold",
        ("if reads(cause.writer) and marks.get((cause.writer, cause.key), 0) < cause.number:", "if False:"),
    ),
    "the order of a writer's events": _without(
        parking,
        "hold",
        ("if waiting and (behind := _behind(number, waiting)):", "if False:"),
        ("if mark is not None and number > mark + 1:", "if False:"),
    ),
    "the ids of inlets": _without(
        Node,
        "_take_inlet",
        ("if (name := inlet_id(message)) in self.seen:", "if not (name := inlet_id(message)):"),
    ),
    "the outbox": _without(
        Faults,
        "crash",
        ("    self.down(process)", "    self.down(process)\n    process.node.outbox.clear()"),
    ),
    "reading on before a timer fires": _without(
        Timing, "_has_read_on", ("return process.has_read(ends)", "return True")
    ),
    "the grace after a gap": _without(Timing, "_is_graced", ("if row.grace <= 0:", "if True:")),
    "reading on before work begins": _without(
        Working, "catch_up", ("process.has_read(process.ends)", "True")
    ),
    "the fence as the condition of a write": _without(
        Cluster, "takes", ("return before.fence == seen", "return True")
    ),
}

_INTAKE = {
    "one release under way": _without(
        lane, "queue", ("free = not lane.under_way and not lane.waiting", "free = True")
    ),
    "no version twice at once": _without(
        admission, "plan_for", ("if pending := rows.get(Pending, digest):", "if pending := None:")
    ),
    "no bad version from CI": _without(
        admission, "plan_for", ("if bad := rows.get(BadVersion, digest):", "if bad := None:")
    ),
    "no foreign package from the queue": _without(
        lane, "stale", ("if package_of(artifact.purl) != plan.plan.artifact:", "if False:")
    ),
    "bad versions remembered": _without(
        versions,
        "marked",
        ("return remember(rows, given.body.digest, given.body.reason)", "return NOTHING"),
    ),
    "only a watch that passed completes": _without(
        progress, "watch_ended", ("given.body.outcome is not WatchOutcome.PASSED or ", "")
    ),
    "the first claim on a region": _without(regions, "registered", ("if known.place != place:", "if False:")),
    "the pause after a rollback that did not help": _without(
        unrecovered, "verified", ("return step + Step(timers=(CancelTimer(UNPAUSE),))", "return NOTHING")
    ),
    "what that pause keeps back": _without(
        unrecovered,
        "verified",
        ("put(Pause(who=WHO, why=why, unrecovered=True)) + emit(paused)", "emit(paused)"),
    ),
    "a higher number for production": _without(
        lane, "enter", ('"number": lane.number + 1', '"number": lane.number')
    ),
    **DEMANDS,
}

_VERIFIER = {
    "nothing after a stop": _without(Scene, "of", (" or row.phase in STOPPED", "")),
    "an answer for the newest grant": _without(
        grants, "answered", ("answer.action, answer.fence) == expected", "region.action, fence) == expected")
    ),
    "the deadline of a grant": _without(
        grants, "_waited_for", ("return Step(timers=(timer,))", "return Step()")
    ),
    "the grace of a grant": _without(
        grants, "_waited_for", ("timedelta(seconds=deadline / 2)", "timedelta(0)")
    ),
    "the number of attempts": _without(
        grants, "attempt_failed", ("final = region.attempt >= attempts", "final = False")
    ),
    "the end of waiting at a fence": _without(
        grants, "_fenced", ("left_alone(name, region), waited,", "left_alone(name, region),")
    ),
    "max-parallel": _without(
        waves,
        "_fill",
        ("room = stage.max_parallel - release.outstanding", "room = len(stage.regions)"),
    ),
    "the bake time": _without(waves, "_left_alone", ("if stage.after.bake <= 0:", "if True:")),
    "the time of the watch": _without(
        watch, "_waiting", ("until = after(scene.now, stage.for_)", "until = scene.now")
    ),
    "the requests of pre-production": _without(
        preprod, "probed", ("match found.outcome:", "match Outcome.PASS:")
    ),
    "only the owner is granted production": _without(
        stages,
        "begin",
        ("if not isinstance(stage, PreprodStage) and scene.release.entered is None:", "if False:"),
    ),
    "no blame for another version": _without(
        anomalies, "_other_artifact", ("if not incident.artifact_id:", "if True:")
    ),
    "no blame where it is not": _without(anomalies, "_blamed", (" and row.exposed", "")),
    "a fail of the pilot": _without(
        concluding,
        "concluded",
        (
            "return scene.failed(verdict[1], cause=FailCause.MEASURED, guilty=guilty, evidence=evidence)",
            "return all_through(scene, terms, rows, verdict[1])",
        ),
    ),
    "what the plan says of an undecided pilot": _without(
        concluding, "_undecided", ("match then := terms.then:", 'match then := "pass":')
    ),
    "a grant of the turn that goes on": _without(grants, "_granted", ("turn=scene.release.turn", "turn=0")),
    "no measuring after the end": _without(
        Scene,
        "_measured",
        ("return terms.regions[: self.release.cursor] if terms.steps else terms.regions", "return ()"),
    ),
    "a verdict between two steps": _without(
        waves,
        "stepped",
        ("if part.verified and (terms := scene.terms)", "if False and (terms := scene.terms)"),
    ),
    "whether a rollback helped": _without(
        recovery, "begin", ("if not known.blamed and not known.over:", "if True:")
    ),
    "a time that no further rollback prolongs": _without(
        recovery, "_with", ("min(before, own, key=lambda row: row.due)", "own")
    ),
    "no word of what stays where it is": _without(recovery, "begin", ("settled.stays", "False")),
    "a verdict on a wave before the next one": _without(
        waves, "_all_done", ("if (terms := Terms.of_wave(scene.plan.plan, stage)) is not None:", "if False:")
    ),
    "the measuring of a watch": _without(watch, "begin", ("terms = scene.terms", "terms = None")),
}

_DEPLOYER = {
    "the deployer's floor": _without(floors, "below", ("if fence.order > state.floor.order:", "if True:")),
    "a floor that rises with what is begun": _without(
        floors, "begun", ('"floor": higher(fence, state.floor)', '"floor": state.floor')
    ),
    "the halt": _without(orders, "halted", ("step += raised(rows, region, fence)", "pass")),
    "the halt of what runs": _without(floors, "raised", ("Step(work=(CancelWork(slot(region)),))", "Step()")),
    "the right cluster": _without(
        floors, "not_served", ("if here != (command.cluster, command.namespace):", "if False:")
    ),
    "the end of a grant's validity": _without(steps, "granted", ("if age > grant.valid_for:", "if False:")),
    "an answer to every order": _without(
        orders,
        "ordered",
        ("return emit(no)", "return NOTHING"),
    ),
    "an answer to every grant": _without(
        steps,
        "granted",
        ("return emit(_refused(grant, served, RefusalCode.FENCED, why))", "return NOTHING"),
    ),
}

_COORDINATOR = {
    "flags once": _without(ladder, "rung", ("not release.switched and ", "")),
    "flags in every region": _without(
        flags,
        "ordered",
        ("len(plan.production)", "1"),
        ("for region in plan.production:", "for region in plan.production[:1]:"),
    ),
    "flags off everywhere before it goes on": _without(
        flags,
        "switched",
        ("if release.waiting:", "if False:"),
    ),
    "flags as before once it is taken back": _without(
        halting, "_order", ("restores = release.switched and", "restores = False and")
    ),
    "the deadline of an order": _without(
        answers, "deadline", ("if order is None or order.answer is not None:", "if True:")
    ),
    "the grace of an order": _without(
        halting, "issued", ("grace=timedelta(seconds=limits.grace)", "grace=timedelta(0)")
    ),
    "the number of attempts to go back": _without(
        answers, "failed", ("order.attempts < limits.attempts", "limits.attempts")
    ),
    "orders to every region": _without(
        halting, "concerned", ("dict.fromkeys(plan.production, ", "dict.fromkeys(plan.production[:1], ")
    ),
    "no way back to a bad version": _without(
        histories, "way_back", (" and version.digest not in bad and version.grade is not Grade.BAD", "")
    ),
    "settled with the last answer": _without(
        answers, "_answer", ("waiting = release.waiting - (1 if first else 0)", "waiting = 0")
    ),
    "the mark of what was taken back": _without(
        settling, "settled", ("emit(marked) if release.blamed and not release.marked else NOTHING", "NOTHING")
    ),
    "no blame by pre-production for what runs": _without(
        halting, "is_blamed", ("if release.entered is None else {}", "if False else {}")
    ),
    "good after the watch alone": _without(
        releases,
        "watch_ended",
        (" or body.outcome is not WatchOutcome.PASSED", ""),
        (" or release.phase is not Phase.RUNNING", ""),
    ),
    "what an earlier release left": _without(
        halting, "_order", ("regardless=owed or runs_bad", "regardless=False")
    ),
    "debts asked for again": _without(
        debts, "region_registered", ("if order is None or not order.owed:", "if True:")
    ),
    "a higher fence for an order again": _without(
        answers, "again_ordered", ("grant=fence.grant + 1", "grant=fence.grant")
    ),
    "debts that a newer release pays": _without(
        histories, "_overtaken", ("if order is None or not order.owed or", "if True or")
    ),
    "a debt where the order was refused": _without(
        answers,
        "refused",
        (
            "case RefusalCode.EXPIRED | RefusalCode.NOT_SERVED:\n            owed = True",
            "case _:\n            owed = False",
        ),
    ),
    "a debt where it went back to a bad version": _without(
        answers, "rolled_back", ("owed=bad", "owed=False")
    ),
    "a debt where going back failed": _without(
        answers, "failed", ("RegionAnswer.FAILED, owed=True", "RegionAnswer.FAILED, owed=False")
    ),
    "a debt where nobody answered": _without(
        answers, "deadline", ("RegionAnswer.UNREACHABLE, owed=True", "RegionAnswer.UNREACHABLE, owed=False")
    ),
}

MUTANTS: dict[str, Mutant] = {
    **_RUNTIME,
    **_INTAKE,
    **_VERIFIER,
    **_DEPLOYER,
    **_COORDINATOR,
    **FIXES,
    **RECOVERING,
    **CHECKS,
    **HOLDING,
}

__all__ = ["MUTANTS", "code_of", "take_away"]
