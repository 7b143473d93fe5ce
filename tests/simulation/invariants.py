"""What must hold in the end, when all faults are over and nothing happens any more. A function for each, with its sentence.

`AT_REST` is asked when the world has come to rest; `AT_THE_END` after every deployer was started once more, and every
region has registered: by then each debt was paid, or is named.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lockgate.messages.message import derived_id
from lockgate.messages.rollbacks import RollbackOrdered
from lockgate.messages.values import EVERY
from lockgate.rollback.core.rows import Order
from lockgate.verifier.core.rows import PartRow
from tests.simulation.artifacts import Kind
from tests.simulation.broken import Spot, fail
from tests.simulation.commands import Given
from tests.simulation.process import Process

if TYPE_CHECKING:
    from tests.simulation.world import World

Breaches = Iterator[str]
Invariant = Callable[["World"], Breaches]


def hold_all(world: "World", invariants: tuple[Invariant, ...]) -> None:
    for invariant in invariants:
        for breach in invariant(world):
            fail(f"{(invariant.__doc__ or '').strip()} But {breach}.")


# --- at rest ----------------------------------------------------------------------------------------------------


def all_is_handled(world: "World") -> Breaches:
    """Every process is back, has read and decided everything, and published what it decided."""
    for process in world.processes.values():
        node = process.node
        if not process.readable:
            yield f"{process.name} is not back"
        for name, queue in node.parked.items():
            if queue:
                yield f"{process.name} still parks {queue[0].number} of {name}"
        if any(node.outbox.values()):
            yield f"{process.name} has not published everything"
        for place, log in world.logs.items():
            if place[0] in node.who.reads and node.offsets.get(place, 0) != len(log):
                yield f"{process.name} has not read {place}"


def nothing_is_left_to_do(world: "World") -> Breaches:
    """No timer is left where nothing happens any more, and no work of the services."""
    for process in world.processes.values():
        if process.node.timers:
            yield f"{process.name} has timers left: {list(process.node.timers)}"
        if process.name not in world.scenario.deployers and process.node.work:
            yield f"{process.name} has work left: {list(process.node.work)}"


def every_artifact_has_one_end(world: "World") -> Breaches:
    """Every artifact that was announced has exactly one end."""
    ends = world.checks.releases.ends
    for said in world.scenario.announcements:
        release = derived_id("release", said.application, "/artifacts", said.id, said.purl)
        found = [*ends.get(f"{said.id} {said.purl}", ()), *ends.get(release, ())]
        if len(found) != 1:
            yield f"the artifact {said.id} (release {release}) has the ends {found}"


def every_release_has_one_end(world: "World") -> Breaches:
    """Every release has exactly one end, whoever wanted it."""
    releases = world.checks.releases
    for release in releases.known:
        if len(found := releases.ends[release]) != 1:
            yield f"{release} has the ends {found}"


def nobody_owns_production(world: "World") -> Breaches:
    """Production is owned by nobody once every release is over."""
    for application, release in world.checks.releases.owner.items():
        yield f"{release} still owns that of {application}"


def every_command_is_answered(world: "World") -> Breaches:
    """Every grant and order is answered, or its region named as unreachable, or a higher fence has ended it."""
    for given in world.checks.commands.given.values():
        command = given.command
        versions, spot = world.checks.versions, _spot(given)
        ended = _outranked(world, given) or given.dead
        # An order again, which an answer to the one before has made needless, is waited for by nobody.
        ended |= isinstance(command, RollbackOrdered) and versions.paid.get(spot, -1.0) >= given.at
        if given.answered is None and not ended and spot not in versions.owed:
            yield f"{command.region} never answered {command.fence} of {command.release}"


def _spot(given: Given) -> Spot:
    return (given.command.application, given.command.region)


def _outranked(world: "World", given: Given) -> bool:
    """Its deployer has read something newer."""
    read = world.checks.commands.read[given.command.deployer].get(_spot(given))
    return read is not None and read.order > given.command.fence.order


def every_operation_is_answered(world: "World") -> Breaches:
    """Every operation is answered, by one service and once."""
    for n, asked in enumerate(world.operations):
        if world.checks.operators.answers[f"operation-{n}"] != 1:
            yield f"{asked} is answered {world.checks.operators.answers[f'operation-{n}']} times"


def every_rollback_is_verified(world: "World") -> Breaches:
    """Of every release that was taken back for an incident it is said whether that helped, where its plan asks."""
    for application, waited in world.checks.recoveries.waited.items():
        for each in waited:
            if each.must:
                yield f"of {each.release} of {application} nothing is said"


AT_REST: tuple[Invariant, ...] = (
    all_is_handled,
    nothing_is_left_to_do,
    every_artifact_has_one_end,
    every_release_has_one_end,
    nobody_owns_production,
    every_command_is_answered,
    every_operation_is_answered,
    every_rollback_is_verified,
)

# --- at the end -------------------------------------------------------------------------------------------------


def no_region_runs_a_bad_version(world: "World") -> Breaches:
    """No region runs a version that is known bad, or sends it traffic, unless a named debt says so."""
    versions, regions = world.checks.versions, world.checks.releases.regions
    for region, cluster in world.clusters.items():
        for application, runs in cluster.runs.items():
            named = (application, region) in versions.owed or region not in regions.get(application, ())
            for digest in (runs.digest, runs.share):
                if digest in versions.bad[application] and not named:
                    yield f"{region} runs {digest} of {application} under {runs.fence}"


def debts_are_those_that_were_named(world: "World") -> Breaches:
    """What the coordinator remembers as owed is what its events named, and it remembers no other order."""
    orders = _orders(world)
    owed = sorted(spot for spot, order in orders.items() if order.owed)
    named = sorted(world.checks.versions.owed)
    if owed != named:
        yield f"it remembers {owed}, and the events name {named}"
    if len(owed) != len(orders):
        yield f"it keeps {[spot for spot in orders if spot not in owed]}"


def _orders(world: "World") -> dict[Spot, Order]:
    return {
        (key.key, key.id): loaded.row
        for key, loaded in world.processes["rollback"].node.rows.items()
        if isinstance(loaded.row, Order)
    }


def debts_are_paid_where_they_can_be(world: "World") -> Breaches:
    """A debt remains only where no version is known to go back to, or another order could not be given or obeyed."""
    for (application, region), order in _orders(world).items():
        cluster, ordered = world.clusters[region], order.ordered
        runs = cluster.look(application)
        told = runs.adopted and cluster.identity == ordered.cluster  # by its registration
        obeyed = runs.fence.order <= ordered.fence.order
        able = ordered.digest is not None and world.scenario.kind_of(ordered.digest) is not Kind.NEVER_READY
        if order.owed and told and obeyed and able:
            yield f"{region} owes {order.ordered.fence} of {application}: {order.reason}"


def a_completed_release_pays_old_debts(world: "World") -> Breaches:
    """A region of a completed release owes nothing from before."""
    releases = world.checks.releases
    for (application, region), order in _orders(world).items():
        started = releases.completed.get(application)
        if started is None or region not in started.plan.production:
            continue
        if order.ordered.fence.number < releases.entered[started.release]:
            yield f"{region} owes {order.ordered.fence} of {application} still"


def no_share_is_left(world: "World") -> Breaches:
    """No clone has a share of the traffic any more, unless a named debt says so."""
    for region, cluster in world.clusters.items():
        for application, runs in cluster.runs.items():
            if runs.share is not None and (application, region) not in world.checks.versions.owed:
                yield f"{runs.share} of {application} has a share in {region}"


def a_completed_release_runs_everywhere(world: "World") -> Breaches:
    """All regions of a completed release run it, but where a later one has written."""
    releases = world.checks.releases
    for application, started in releases.completed.items():
        number = releases.entered[started.release]
        for region in started.plan.regions:
            runs = world.clusters[region].look(application)
            if runs.fence.number <= number and runs.digest != started.artifact.digest:
                yield f"{region} runs {runs.digest} under {runs.fence}, and not {started.release}"


def rows_are_few(world: "World") -> Breaches:
    """State grows with regions and applications, and not with time."""
    regions, applications = len(world.clusters), len(world.scenario.applications)
    most = {
        "intake": regions + 1 + applications * 13,
        "verifier": applications * (2 * regions + 4),
        "rollback": 1 + applications * (2 * regions + 5),
    }
    for name, process in world.processes.items():
        bound = most.get(name, regions * (1 + applications))
        rows = [key for key in process.node.rows if key.kind != PartRow.kind]
        if len(rows) > bound:
            yield f"{name} keeps {len(rows)} rows: {sorted({key.kind for key in rows})}"


AT_THE_END: tuple[Invariant, ...] = (
    *AT_REST,
    no_region_runs_a_bad_version,
    debts_are_those_that_were_named,
    debts_are_paid_where_they_can_be,
    a_completed_release_pays_old_debts,
    no_share_is_left,
    a_completed_release_runs_everywhere,
    rows_are_few,
)

# --- at any time ------------------------------------------------------------------------------------------------


def something_is_waited_for(world: "World") -> Breaches:
    """Where nothing is on its way, a deadline is set for every release under way."""
    if any(_is_busy(world, process) for process in world.processes.values()):
        return
    paused = {key for key, name in world.processes["intake"].node.timers if name in {"unpause", "look"}}
    releases = world.checks.releases
    timed = {
        timer.body.get("release")
        for process in world.processes.values()
        for timer in process.node.timers.values()
    }
    for release, started in {**releases.started, **releases.recovers}.items():
        held = bool(paused & {started.application, EVERY}) or release in world.checks.versions.held
        held = held or releases.is_held_by_a_region(release)
        asked = world.checks.recoveries.keeps(release, started.application)
        if releases.is_open(release) and release not in timed and not held and not asked:
            yield f"nothing has a deadline for {release}"


def _is_busy(world: "World", process: Process) -> bool:
    """Whether something may still come from it without a timer: it is away, or has to read, decide or publish."""
    node = process.node
    return (
        not process.readable or any(node.outbox.values()) or not process.has_read(world.topics.ends(process))
    )
