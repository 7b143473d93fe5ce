"""`lockgate backtest` on the topics of a real broker."""

import json
from pathlib import Path

from lockgate.messages.message import encode
from tests.support.backtests import BIT_WORSE, piloted, told
from tests.support.commands import typed
from tests.support.ledgers import Bench
from tests.support.measured import BAD
from tests.support.servers import KafkaUnderTest


async def test_past_verdicts_are_read_from_the_topics_and_judged_by_the_policy_of_a_file(
    kafka: KafkaUnderTest, tmp_path: Path
) -> None:
    topics = Bench(kafka.bootstrap, "", tmp_path)
    await topics.create("releases", "verdicts")
    for message in told(piloted(), piloted(BIT_WORSE), piloted(BAD)):
        headers, value = encode(message)
        await topics.produce(message.body.topic, value, key=message.key.encode(), headers=headers)
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: Policy\nfalse-alarms: 10%\npilot: {soak: 10m}\n")
    asked = ("backtest", "--policy", str(policy), "--kafka", kafka.bootstrap, "--prefix", topics.prefix)

    result = await typed(*asked)
    assert result.exit_code == 0, result.output
    said = result.stdout.splitlines()
    assert [line for line in said if line.startswith("2026")] == [
        "2026-11-24 12:20:00  payments 1.4.0  pilot",
        "2026-11-24 13:08:00  payments 1.4.0  pilot",
    ]
    assert max(map(len, said)) <= 80
    assert "3 verdicts with evidence, of 3 releases: 2 would have changed, 1 not, and 0" in said

    found = json.loads((await typed(*asked, "--application", "payments", "--json")).stdout)
    would = [(one["release"], one["would"]["verdict"], one["would"]["scrapes"]) for one in found["verdicts"]]
    assert would == [("r1", "pass", 16), ("r2", "fail", 5), ("r3", "fail", 1)]

    nobody = await typed(*asked, "--application", "orders")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert nobody.stderr.startswith(
        "the topics tell of no verdict of orders: correct the name of the application"
    )
