"""The last answer settles the halted release: its version is marked bad, and what is still owed is named."""

from collections.abc import Mapping
from typing import assert_never

from lockgate.messages.decision import NOTHING, Step, emit, put, remove
from lockgate.messages.rollbacks import DebtCleared, Grade, RegionAnswer, ReleaseSettled, VersionMarked
from lockgate.rollback.core.rows import Order, Phase, Release, Restore
from lockgate.rollback.core.sentences import listed, shortened


def settled(release: Release, application: str, orders: Mapping[str, Order]) -> Step:
    """Every region has answered or passed its deadline. Orders that are not owed any more are forgotten."""
    answers = {region: order.answer or RegionAnswer.UNREACHABLE for region, order in orders.items()}
    debts = tuple(region for region, order in orders.items() if order.owed)
    artifact = release.artifact
    step = put(release.model_copy(update={"phase": Phase.SETTLED, "waiting": 0}))
    step += remove(Restore, release.release) if release.switched and orders and not debts else NOTHING
    for region in orders:
        step += Step() if region in debts else remove(Order, region)
    marked = VersionMarked(
        application=application, digest=artifact.digest, grade=Grade.BAD, reason=release.reason
    )
    step += emit(marked) if release.blamed and not release.marked else NOTHING
    return step + emit(
        ReleaseSettled(
            application=application,
            release=release.release,
            artifact=artifact,
            answers=answers,
            debts=debts,
            stays=release.stays,
            reason=shortened(
                _stays(artifact.label, orders)
                if release.stays
                else _sentence(release, answers, {region: orders[region].reason for region in debts})
                + _flags({region: order.still_off for region, order in orders.items() if order.still_off})
            ),
        ),
    )


def _sentence(release: Release, answers: Mapping[str, RegionAnswer], debts: Mapping[str, str]) -> str:
    label = release.artifact.label
    if not answers and release.recovers:
        return f"Where {label} runs is not known any more, so no region was ordered back: announce the version that is to run."
    if not answers:
        return f"There was nothing to take back: {label} had reached no region."
    text = f"{label} was taken back from {_outcome(list(answers.values()))}."
    if debts:
        first, why = next(iter(debts.items()))
        text += f" It may still run in {listed(debts)}, where the order is given again when the region registers again. {first}: {why}"
    return text


def _stays(label: str, orders: Mapping[str, Order]) -> str:
    """Of a release that was left as far as it has got."""
    if not orders:
        return f"{label} had passed its watch, and stays where it runs."
    kept = [region for region, order in orders.items() if order.ordered.digest == order.ordered.bad]
    where = f"stays in {listed(kept)}" if kept else "had served no region whole"
    text = f"{label} {where}; what was half-way is ended."
    for region, order in orders.items():
        half = "" if order.answer is RegionAnswer.ROLLED_BACK else " may still be half-way"
        text += f" {region}{half}: {order.reason}" if order.owed else ""
    return text


def _flags(left: Mapping[str, str]) -> str:
    """The version is back, so this is no debt of the region; but somebody misses the feature."""
    if not left:
        return ""
    first, names = next(iter(left.items()))
    return f" Flags that were switched off for it may still be off in {listed(left)}: switch them on there. {first}: {names}."


def _outcome(answers: list[RegionAnswer]) -> str:
    """`2 regions; 3 do not run it`: only a region that went back was taken back from."""
    back = answers.count(RegionAnswer.ROLLED_BACK)
    text = f"{back or 'no'} {'regions' if back > 1 else 'region'}"
    for answer in dict.fromkeys(answers):
        many = answers.count(answer)
        match answer:
            case RegionAnswer.ROLLED_BACK:
                pass
            case RegionAnswer.UNTOUCHED:
                text += f"; {many} {'does' if many == 1 else 'do'} not run it"
            case RegionAnswer.REFUSED:
                text += f"; {many} refused to go back"
            case RegionAnswer.FAILED:
                text += f"; {many} failed to go back"
            case RegionAnswer.UNREACHABLE:
                text += f"; {many} gave no answer"
            case _:
                assert_never(answer)
    return text


def cleared(order: Order, reason: str) -> Step:
    """A debt that `settled` named is none any more."""
    ordered = order.ordered
    return emit(
        DebtCleared(
            application=ordered.application,
            release=ordered.release,
            region=ordered.region,
            reason=shortened(reason),
        )
    )
