"""What the events of deployers, and the grants and orders that they answer, say of a region of a release."""

from lockgate.cli.view.actions import DOING, has_share
from lockgate.cli.view.model import Asked, Mark, RegionView, ReleaseView
from lockgate.messages.deployments import (
    DeploymentFailed,
    DeploymentProgressed,
    DeploymentStarted,
    GrantRefused,
    OrderRefused,
    PilotDeployed,
    ProbeResult,
    RegionDeployed,
    RegionProbed,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.payload import Payload
from lockgate.messages.rollbacks import ReleaseSettled, RollbackOrdered
from lockgate.messages.verdicts import Action, Granted, RegionFailed


def step(view: ReleaseView, body: Payload, at: str) -> None:
    """What an event says of a step that was granted in a region."""
    stage = view.stages.get(getattr(body, "stage", ""))
    region = None if stage is None else stage.regions.get(getattr(body, "region", ""))
    if stage is None or region is None:
        return
    if _is_late(region, body):
        region.more = _more(body) or region.more
        return
    match body:
        case Granted():
            _granted(region, body, at, stage.attempts)
            return
        case DeploymentStarted(action=action, seconds=seconds):
            about = "" if seconds is None else f", about {seconds:.0f} s"
            _set(region, Mark.RUNNING, f"{DOING[action]} began{about}")
        case DeploymentProgressed(updated=updated, wanted=wanted):
            _set(region, Mark.RUNNING, f"{updated} of {wanted} pods")
        case RegionDeployed():
            _set(region, Mark.DONE, "deployed")
        case PilotDeployed(action=action, share=share):
            _set(region, _mark(action), has_share(action, share))
        case RegionProbed(action=action, results=results):
            sent = sum(max(result.sent, 1) for result in results)
            passed = sum(_passed(result) for result in results)
            failed = any(result.sent <= 1 and not result.passed for result in results)
            _set(region, Mark.FAILED if failed else _mark(action), f"{passed} of {sent} requests passed")
        case DeploymentFailed(reason=reason) | RegionFailed(reason=reason) | GrantRefused(reason=reason):
            _failed(region, reason)
        case _:
            return
    region.answered = True


def _granted(region: RegionView, granted: Granted, at: str, attempts: int) -> None:
    attempt = granted.attempt
    again = f", attempt {attempt}" if attempt > 1 else ""
    region.more = f"attempt {attempt - 1}: {region.says}" if again and region.says else ""
    _set(region, Mark.RUNNING, f"{DOING[granted.action]} granted{again}")
    region.asked = Asked(at, granted.deadline, str(granted.fence), attempt, attempts)
    region.answered = False


def _failed(region: RegionView, reason: str) -> None:
    """The first cause is the one that counts; what comes after it is told below it."""
    if region.mark is not Mark.FAILED:
        _set(region, Mark.FAILED, reason)
    elif reason != region.says:
        region.more = reason


def _is_late(region: RegionView, body: Payload) -> bool:
    """It answers an older grant than the newest: it changes nothing any more."""
    fence = getattr(body, "fence", None)
    if isinstance(body, Granted) or fence is None or region.asked is None:
        return False
    return str(fence) != region.asked.fence


def _more(body: Payload) -> str:
    return body.reason if isinstance(body, DeploymentFailed | GrantRefused) else ""


def way_back(view: ReleaseView, body: Payload, at: str) -> None:
    """What an event says of the order to a region to go back, and of its answer."""
    match body:
        case RollbackOrdered(region=region, digest=digest, bad=leaving):
            how = "to stay with" if digest == leaving else "back to"
            target = f"ordered {how} {digest[7:19]}" if digest else "ordered: clones go"
            asked = Asked(at, body.deadline, str(body.fence))
            view.back[region] = RegionView(Mark.RUNNING, target, asked=asked)
        case RegionRolledBack(region=region, digest=digest) if digest == view.artifact.digest:
            view.back[region] = RegionView(Mark.DONE, "stays with it")
        case RegionRolledBack(region=region, digest=digest):
            view.back[region] = RegionView(Mark.BACK, f"runs {digest[7:19]} again")
            _undone(view, region, "taken back")
        case RegionUntouched(region=region):
            view.back[region] = RegionView(Mark.DONE, "does not run it")
            _undone(view, region, "does not run it")
        case OrderRefused(region=region, reason=reason) | RollbackFailed(region=region, reason=reason):
            view.back[region] = RegionView(Mark.FAILED, reason)
        case ReleaseSettled(debts=debts):
            for region in debts:
                view.back[region] = RegionView(Mark.FAILED, "a debt: it may still run this release")
        case _:
            pass


def _undone(view: ReleaseView, region: str, says: str) -> None:
    """What its stages did in the region is no longer so; what failed there still tells why."""
    for stage in view.stages.values():
        row = stage.regions.get(region)
        if row is not None and row.mark in {Mark.RUNNING, Mark.DONE}:
            _set(row, Mark.BACK, says)


def _set(region: RegionView, mark: Mark, says: str) -> None:
    region.mark, region.says = mark, says


def _mark(action: Action) -> Mark:
    """Whether the region has done with it what its stage asks: the steps of a strategy lead to a roll-out."""
    done = {Action.PILOT, Action.PROBE, Action.ENVIRONMENT}
    return Mark.DONE if action in done else Mark.RUNNING


def _passed(result: ProbeResult) -> int:
    """Of a request that was sent several times, the verifier judges how many that has to be."""
    return result.sent - result.failed if result.sent > 1 else int(result.passed)
