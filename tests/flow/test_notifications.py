"""What people are told of real releases: made from what the whole system's ledger recorded, posted to a real receiver."""

from pathlib import Path

import asyncpg

from lockgate.ledger.notifying.notifier import notifying
from lockgate.ledger.notifying.receivers import Receiver
from lockgate.ledger.settings import Settings
from lockgate.messages.operations import Approve
from lockgate.messages.verdicts import StageWaiting, WaitingFor
from tests.support.eventually import eventually
from tests.support.pager import pager
from tests.support.plans import REST, watch, wave
from tests.support.whole import Whole


async def test_people_are_told_what_waits_for_them_what_is_completed_and_what_failed_and_went_back(
    whole: Whole, tmp_path: Path
) -> None:
    story = whole.story("told")
    application = story.application
    async with pager() as ops:
        (tmp_path / "url").write_text(ops.url)
        receiver = Receiver(
            name="ops", type="webhook", url_file=tmp_path / "url", applications=frozenset({application})
        )
        settings = Settings(
            kafka=whole.local.servers.kafka,
            topic_prefix=whole.prefix,
            ledger_postgres=whole.local.servers.postgres,
            notify=(receiver,),
        )
        async with notifying(settings):
            await eventually(lambda: _begun(settings.ledger_postgres))
            await story.begins(wave("rest", *REST, before={"approval": "required"}), watch())
            good = await story.announces("v2")
            await story.hears(StageWaiting, waiting_for=WaitingFor.APPROVAL)
            await eventually(lambda: ops.taken)
            who = {"application": application, "who": "ann", "why": "it looks good", "release": good}
            await whole.send("operations", Approve.type, application, who)
            await story.completes(good)
            story.image("v3", missing=True)
            await story.plans(wave("rest", *REST, budget="2s"), watch())
            bad = await story.announces("v3")
            await story.is_taken_back(bad)
            await eventually(lambda: len(ops.taken) == 5)
    said = {(call.says["kind"], call.says["what"]) for call in ops.taken}
    assert said == {
        ("approval", f"{application} v2 waits for an approval before the stage rest"),
        ("completed", f"{application} v2 is completed, in every region of its plan"),
        ("failure", f"{application} v3 failed in the stage rest"),
        (
            "rollback",
            f"{application} v3 is halted, and the regions that it may have touched are ordered back",
        ),
        ("recovery", f"{application} v3 is settled, and no region owes anything"),
    }
    assert ops.taken[0].says["commands"] == [
        f'lockgate approve {application} --release {good} --stage rest --why "..."',
        f'lockgate abort {application} --release {good} --why "..."',
        f'lockgate reject {application} --release {good} --stage rest --why "..."',
    ]
    assert {call.says["release"] for call in ops.taken} == {good, bad}


async def _begun(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("select true from ledger.notifying"))
    finally:
        await connection.close()
