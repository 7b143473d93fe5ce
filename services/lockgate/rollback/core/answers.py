"""Answers to orders, and deadlines that passed without one."""

from datetime import datetime

from lockgate.messages.decision import NOTHING, CancelTimer, Rows, Step, TimerDue, emit, put, remove
from lockgate.messages.deployments import (
    OrderRefused,
    RefusalCode,
    RegionRolledBack,
    RegionUntouched,
    RollbackFailed,
)
from lockgate.messages.flags import Flag
from lockgate.messages.message import Message
from lockgate.messages.rollbacks import Grade, RegionAnswer
from lockgate.messages.values import Fence
from lockgate.rollback.core.halting import issued, restored_by, told
from lockgate.rollback.core.histories import staying, way_back
from lockgate.rollback.core.rows import Bad, History, Limits, Order, Phase, Release
from lockgate.rollback.core.sentences import listed, shortened
from lockgate.rollback.core.settling import cleared, settled

FLAGS_NAMED = 200
"""Characters; each order is a row of the state."""

Answer = RegionRolledBack | RegionUntouched | OrderRefused | RollbackFailed


def rolled_back(rows: Rows, given: Message[RegionRolledBack], now: datetime) -> Step:
    order = _answered_order(rows, given.body, repeats=True)
    if order is None:
        return NOTHING
    bad = (rows.get(Bad) or Bad()).has(given.body.digest)
    if bad and (onward := _onward(rows, order, now)) is not None:
        return _remembered(rows, order, running=given.body.digest) + onward
    order = _with_flags_left(order, given.body)
    known = "nothing there goes back by itself" if order.keeps else "no version is known to go back to"
    why = f"it runs {given.body.digest[7:19]}, which is bad, and {known}; publish a fix."
    return _remembered(rows, order, running=given.body.digest) + _answer(
        rows, order, RegionAnswer.ROLLED_BACK, owed=bad, reason=why
    )


def untouched(rows: Rows, given: Message[RegionUntouched], now: datetime) -> Step:
    order = _answered_order(rows, given.body, repeats=True)
    if order is None:
        return NOTHING
    history = rows.get(History, given.body.region)
    bad = history is not None and (rows.get(Bad) or Bad()).has(history.running)
    if bad and (onward := _onward(rows, order, now)) is not None:
        return _remembered(rows, order) + onward
    order = _with_flags_left(order, given.body)
    why = "it runs a bad version, and no earlier one is known that is not bad; publish a fix."
    return _remembered(rows, order) + _answer(
        rows, order, RegionAnswer.UNTOUCHED, owed=order.stranded, reason=why
    )


def _with_flags_left(order: Order, body: RegionRolledBack | RegionUntouched) -> Order:
    return order.model_copy(update={"still_off": shortened(listed(body.flags_left), most=FLAGS_NAMED)})


def refused(rows: Rows, given: Message[OrderRefused], now: datetime) -> Step:
    """Fenced: something newer owns the region, but a debt stays one until that has deployed there. Any other refusal
    leaves it as it is, and is owed.
    """
    del now
    order = _answered_order(rows, given.body, repeats=False)
    if order is None:
        return NOTHING
    match given.body.code:
        case RefusalCode.FENCED:
            owed = order.owed and not _is_halted(rows.get(Release), order)
        case RefusalCode.EXPIRED | RefusalCode.NOT_SERVED:
            owed = True
    return _remembered(rows, order) + _answer(
        rows, order, RegionAnswer.REFUSED, owed=owed, reason=given.body.reason
    )


def failed(rows: Rows, given: Message[RollbackFailed], now: datetime) -> Step:
    """Ordered again while attempts are left; after that it is a debt.

    So is a debt whose deployer was cut off and reads its order too late to do it: it is back, and need not start anew.
    """
    order = _answered_order(rows, given.body, repeats=False)
    if order is None:
        return NOTHING
    limits = rows.shared(Limits) or Limits()
    if order.attempts < limits.attempts:
        again = to_no_bad_version(rows, order).model_copy(update={"attempts": order.attempts + 1})
        return _given_again(rows, again, now)
    why = f"{order.attempts} attempts failed; the last one said: {given.body.reason}"
    return _remembered(rows, order) + _answer(rows, order, RegionAnswer.FAILED, owed=True, reason=why)


def deadline(rows: Rows, given: TimerDue, now: datetime) -> Step:
    """No answer: the region is unreachable, which is a debt."""
    del now
    order = rows.get(Order, given.body["region"])
    if order is None or order.answer is not None:
        return NOTHING
    ordered = order.ordered
    if (ordered.release, ordered.fence.grant) != (given.body["release"], given.body["grant"]):
        return NOTHING
    why = f"{ordered.deployer} gave no answer within {ordered.deadline:.0f} s."
    return _remembered(rows, order) + _answer(rows, order, RegionAnswer.UNREACHABLE, owed=True, reason=why)


def _onward(rows: Rows, order: Order, now: datetime) -> Step | None:
    """What its order was to go back to is bad since: it goes on to one that is not, if there is one."""
    again = to_no_bad_version(rows, order)
    if again.keeps or again.ordered.digest in {None, order.ordered.digest}:
        return None
    ordered = again.ordered.model_copy(update={"regardless": True})
    return _given_again(rows, again.model_copy(update={"ordered": ordered}), now)


def _given_again(rows: Rows, order: Order, now: datetime) -> Step:
    again, flags = again_ordered(order), restored_by(rows, order)
    if order.answer is not None:
        return owed_again(again, flags)
    return issued(again, rows.shared(Limits) or Limits(), now, flags)


def again_ordered(order: Order) -> Order:
    """The same order with the next grant number of its turn, so that it is above what was refused or failed."""
    fence = order.ordered.fence
    following = Fence(number=fence.number, turn=fence.turn, grant=fence.grant + 1)
    return order.model_copy(update={"ordered": order.ordered.model_copy(update={"fence": following})})


def to_no_bad_version(rows: Rows, order: Order) -> Order:
    """The order as it would be given today: the version that it names may have been taken back since. Where one stays, it
    may have been begun to be rolled out before its deployer heard of the halt, and no mark takes it back.
    """
    bad, ordered = rows.get(Bad) or Bad(), order.ordered
    history = rows.get(History, ordered.region)
    if (stays := staying(history, order)) is not None:
        changed = ordered.model_copy(update={"digest": stays})
        restores = order.restores and stays != ordered.bad
        forward = order.forward or (history is not None and history.forward)
        update = {"ordered": changed, "restores": restores, "keeps": True, "forward": forward}
        return order.model_copy(update=update)
    if not bad.has(ordered.digest):
        return order
    digest = way_back(history, ordered.bad, bad.digests, "previous")
    changed = ordered.model_copy(update={"digest": digest})
    return order.model_copy(update={"ordered": changed, "stranded": digest is None})


def owed_again(order: Order, flags: tuple[Flag, ...]) -> Step:
    """The order of a debt goes out without a deadline: it is named as owed already."""
    return put(order, order.ordered.region) + emit(told(order, flags))


def _answered_order(rows: Rows, body: Answer, *, repeats: bool) -> Order | None:
    """The open or owed order that an answer belongs to. `repeats`: an answer to an earlier repeat counts as well."""
    order = rows.get(Order, body.region)
    if order is None or (order.answer is not None and not order.owed):
        return None
    ordered, fence = order.ordered, order.ordered.fence
    if (body.release, body.deployer) != (ordered.release, ordered.deployer):
        return None
    same_turn = (body.fence.number, body.fence.turn) == (fence.number, fence.turn)
    known = 1 <= body.fence.grant <= fence.grant if repeats else body.fence.grant == fence.grant
    return order if same_turn and known else None


def _remembered(rows: Rows, order: Order, running: str | None = None) -> Step:
    """The version that is taken back is bad in the region's history if it is blamed, and the one that runs now is its newest."""
    region = order.ordered.region
    before = rows.get(History, region)
    if before is None and running is None:
        return NOTHING
    history = before or History()
    if order.blamed:
        history = history.graded(order.ordered.bad, Grade.BAD)
    forward = order.forward and running == order.ordered.digest
    after = history.now_running(running, forward=forward) if running else history
    return put(after, region) if after != before else NOTHING


def _answer(rows: Rows, order: Order, answer: RegionAnswer, *, owed: bool, reason: str = "") -> Step:
    """Counts a first answer and settles with the last; after that an answer only clears or keeps a debt."""
    region = order.ordered.region
    first = order.answer is None
    answered = order.model_copy(update={"answer": answer, "owed": owed, "reason": reason if owed else ""})
    step = Step(timers=(CancelTimer(f"deadline {region}"),)) if first else NOTHING
    release = rows.get(Release)
    if release is None or not _is_halted(release, order):
        return step + (put(answered, region) if owed else _paid(order, answer))
    waiting = release.waiting - (1 if first else 0)
    if waiting:
        return step + put(answered, region) + put(release.model_copy(update={"waiting": waiting}))
    orders = {**rows.many(Order, release.concerned), region: answered}
    kept = put(answered, region) if owed else NOTHING
    return step + kept + settled(release, order.ordered.application, orders)


def _is_halted(release: Release | None, order: Order) -> bool:
    """Whether the order's release waits for its answers still; after that what is owed has been named."""
    if release is None or release.phase is not Phase.HALTED:
        return False
    return release.release == order.ordered.release


def _paid(order: Order, answer: RegionAnswer) -> Step:
    gone = remove(Order, order.ordered.region)
    if not order.owed:
        return gone
    flags = f" Flags that may still be off there: {order.still_off}." if order.still_off else ""
    return gone + cleared(order, f"It answered the order at last: {answer}.{flags}")
