"""Steps beside production: a clone gets ready, and a share of the traffic or none. A pilot, a canary, the green side."""

from collections.abc import Callable, Generator

from lockgate.deployer.reports import Failed, Piloted
from lockgate.deployer.reports import Report as Answer
from tests.simulation.artifacts import Kind
from tests.simulation.cluster import Runs
from tests.simulation.surroundings import Work, Yielded
from tests.simulation.target import Step, asked, late, said


def pilot(step: Step) -> Work:
    """Each attempt begins with a new clone."""
    return _beside(step, _shared, goes_on=False)


def canary(step: Step) -> Work:
    """It goes on with the clone of the step before, be that a pilot's."""
    return _beside(step, _shared, goes_on=True)


def green(step: Step) -> Work:
    """The clone has no traffic, and is sent the plan's requests."""
    return _beside(step, _dark, goes_on=True)


_Finish = Callable[[Step, Runs], Generator[Yielded, None, Answer | None]]


def _beside(step: Step, finish: _Finish, *, goes_on: bool) -> Work:
    while not step.toolate():
        runs = yield from step.look()
        if runs is None:
            break
        if (newer := step.fenced(runs)) is not None:
            step.cluster.drop_clone(step.application, step.fence)
            return said(newer)
        yield from step.begin(runs)
        if runs.fence != step.fence:
            yield from step.claim(runs)
        elif (step.fence, step.digest) not in runs.clones:
            yield step.around.pause()
            if not (goes_on and step.cluster.carry(step.application, step.fence, step.digest)):
                step.cluster.sweep(step.application, step.fence, keep=step.fence)
                step.cluster.clone(step.application, step.fence, step.digest)
        elif step.around.kind_of(step.digest) is Kind.NEVER_READY:
            yield max(min(300.0, step.until - step.around.clock()), 0.1)
            return said(Failed(reason="The clone did not become ready."))
        elif (answer := (yield from finish(step, runs))) is not None:
            return said(answer)
    runs = step.cluster.look(step.application)
    if step.begun and runs.fence == step.fence and runs.share is not None:
        yield from step.write(runs, share=None)
    return late(step)


def _shared(step: Step, runs: Runs) -> Generator[Yielded, None, Answer | None]:
    if runs.share != step.digest:
        yield from step.write(runs, share=step.digest)
        return None
    names = {"pilot_pods": f"{step.application}-pilot-", "baseline_pods": f"{step.application}-"}
    return Piloted(share=step.grant.share or 0.1, **names)


def _dark(step: Step, runs: Runs) -> Generator[Yielded, None, Answer | None]:
    if runs.share is not None:
        yield from step.write(runs, share=None)
        return None
    return asked(step)
