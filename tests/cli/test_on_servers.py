"""Commands against the running system: what they say, and their exit codes, when somebody answers and when not."""

import asyncio
import json
import signal
from pathlib import Path

import pytest

from lockgate.cli import kafka as client
from tests.support.commands import Command, command
from tests.support.commands import typed as run
from tests.support.ledgers import Bench
from tests.support.plans import REST, plan_of, watch, wave
from tests.support.servers import KafkaUnderTest, PostgresUnderTest
from tests.support.whole import Whole


def at(whole: Whole) -> tuple[str, ...]:
    return ("--kafka", whole.kafka.bootstrap, "--prefix", whole.prefix)


async def test_a_plan_is_accepted_and_one_for_a_region_that_nobody_serves_is_refused(
    whole: Whole, tmp_path: Path
) -> None:
    story, file = whole.story("cli-plan"), tmp_path / "plan.json"
    file.write_text(json.dumps(plan_of(story.application, wave("rest", *REST), watch())))
    accepted = await run("plan", "publish", str(file), *at(whole))
    assert accepted.exit_code == 0, accepted.output
    assert accepted.stdout.startswith(f"accepted: version 1 of the plan of {story.application}.")
    shown = await run("plan", "show", story.application, *at(whole))
    assert shown.stdout.startswith(f"version 1 of the plan of {story.application}, accepted at 20")
    assert "rest   wave   eu-north, us-east  max-parallel 1" in shown.stdout
    nobody = await run("plan", "preview", "cli-nobody", *at(whole))
    assert nobody.exit_code == 1
    assert nobody.stderr.startswith("the topics tell of no accepted plan of cli-nobody")
    file.write_text(json.dumps(plan_of(story.application, wave("rest", "us-moon"), watch())))
    moon = await run("plan", "preview", str(file), "--live", *at(whole))
    assert moon.stdout.startswith("No deployer has registered us-moon: the plan is refused until one does.")
    refused = await run("plan", "publish", str(file), *at(whole))
    assert refused.exit_code == 1
    first, problem = refused.stderr.splitlines()
    assert first == "refused:"
    assert problem.startswith("  stages[0].regions[0]: no deployer has registered us-moon")


async def test_an_artifact_is_queued_and_watched_to_its_end(whole: Whole) -> None:
    story = whole.story("cli-watch")
    await story.begins(wave("rest", *REST), watch())
    with command("watch", "cli-nobody", *at(whole)) as idle:
        await asyncio.to_thread(idle.until_said, "no release of cli-nobody yet", 40.0)
    with command("watch", story.application, *at(whole)) as watching:
        queued = await run(
            "publish", f"pkg:oci/{story.application}", story.digest("v2"), "--tag", "v2", *at(whole)
        )
        assert queued.exit_code == 0, queued.output
        assert f"v2 starts at once: no other release of {story.application} is under way" in queued.stdout
        assert f"follow it with: lockgate watch {story.application}" in queued.stdout
        again = await run("publish", f"pkg:oci/{story.application}", story.digest("v2"), *at(whole))
        assert again.exit_code == 1
        assert again.stderr.startswith("refused (duplicate): ")
        await asyncio.to_thread(watching.until_said, "v2 completed", 40.0)
        code = await asyncio.to_thread(_interrupted, watching)
    assert code == 0, watching.output
    _tells_in_order(watching.output, "releases    v2 started", "verdicts    rest: deploy granted to eu-north",
                    "deployments eu-north runs v2", "verdicts    rest: passed", "releases    v2 completed")  # fmt: skip
    *told, last = watching.said
    assert all(story.application in line for line in told), "no other application is shown"
    assert last == "watching ended; releases go on\n"
    assert "Traceback" not in watching.output


async def test_who_begins_to_watch_later_is_told_the_past_in_its_order(whole: Whole) -> None:
    story = whole.story("cli-later")
    await story.begins(wave("rest", *REST), watch())
    await story.completes(await story.announces("v2"))
    with command("watch", story.application, *at(whole)) as watching:
        await asyncio.to_thread(watching.until_said, "v2 completed", 40.0)
        assert await asyncio.to_thread(_interrupted, watching) == 0
    times = [line.split()[0] for line in watching.said]
    assert times == sorted(times)
    assert len({line.split()[2] for line in watching.said}) == 4, "of all topics"


async def test_a_package_that_no_plan_claims_is_refused(whole: Whole) -> None:
    refused = await run("publish", "pkg:oci/nobodys", "sha256:" + "01" * 32, *at(whole))
    assert refused.exit_code == 1
    assert refused.stderr.startswith("refused (unknown-package): ")


async def test_a_prefix_without_topics_is_named_and_soon(whole: Whole) -> None:
    for arguments in (("watch",), ("publish", "pkg:oci/x", "sha256:" + "01" * 32)):
        result = await run(*arguments, "--kafka", whole.kafka.bootstrap, "--prefix", "nobodys.")
        assert result.exit_code == 2
        assert f"Kafka at {whole.kafka.bootstrap} has no topic nobodys.releases" in result.stderr
        assert "--prefix or LOCKGATE_TOPIC_PREFIX" in result.stderr


async def test_an_intake_that_does_not_answer_is_no_refusal(
    kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1.0)
    topics = Bench(kafka.bootstrap, "", tmp_path)
    await topics.create("releases", "artifacts")
    result = await run(
        *(
            "publish",
            "pkg:oci/x",
            "sha256:" + "01" * 32,
            "--kafka",
            kafka.bootstrap,
            "--prefix",
            topics.prefix,
        )
    )
    assert result.exit_code == 3
    assert "announced, but intake did not answer within" in result.stderr


async def test_a_ledger_is_verified_and_a_record_that_was_changed_is_named(
    kafka: KafkaUnderTest, postgres: PostgresUnderTest, tmp_path: Path
) -> None:
    bench = Bench(kafka.bootstrap, postgres.fresh_database(), tmp_path, ledger_batch=5, ledger_sign_records=5)
    await bench.create("plans", "checkpoints", partitions=1)
    await bench.produce("plans", *[b"value %d" % n for n in range(1, 13)])
    await bench.appended(12)
    verify = ("ledger", "verify", "--postgres", bench.dsn, "--key", str(tmp_path / "key.pem.pub"),
              "--kafka", bench.bootstrap, "--prefix", bench.prefix)  # fmt: skip
    sound = await run(*verify)
    assert sound.exit_code == 0, sound.output
    assert sound.stdout.startswith("The chain of 12 records is sound up to ")
    await bench.tamper("update ledger.records set value = 'forged' where seq = 4")
    tampered = await run(*verify)
    assert tampered.exit_code == 1
    assert tampered.stdout.startswith("Record 4 (plans/0@3) was changed")


async def test_a_database_without_a_ledger_is_no_finding(postgres: PostgresUnderTest, tmp_path: Path) -> None:
    bench = Bench("", postgres.fresh_database(), tmp_path)
    result = await run("ledger", "verify", "--postgres", bench.dsn, "--key", str(tmp_path / "key.pem.pub"))
    assert result.exit_code == 2
    assert "nothing is known about it: its database answers" in result.stderr


def _interrupted(watching: Command) -> int:
    watching.process.send_signal(signal.SIGINT)
    return watching.ends(10.0)


def _tells_in_order(output: str, *words: str) -> None:
    places = [output.find(each) for each in words]
    assert -1 not in places, f"{words[places.index(-1)]!r} was not told:\n{output}"
    assert places == sorted(places), output
