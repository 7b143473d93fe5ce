"""Schemathesis, which knows nothing of the door but its OpenAPI document, finds nothing.

Two of its checks are left out, which ask that whatever the document's schemas allow is taken and whatever they forbid is refused:
the door judges more than a schema can say (digests, the rules of a plan), and takes from Alertmanager and Harbor what it does not
need without looking at it. What is refused and why has tests of its own.
"""

import asyncio
import secrets
import sys
from pathlib import Path

import pytest

from lockgate.intake.door.callers import Role
from lockgate.intake.door.routes import TOPICS
from lockgate.runtime.kafka_topics import ensure_topics
from lockgate.runtime.settings import ProcessSettings
from tests.support.deliveries import TOKENS
from tests.support.door_process import door_process
from tests.support.servers import KafkaUnderTest

LEFT_OUT = "positive_data_acceptance,negative_data_rejection"


@pytest.mark.ci
@pytest.mark.timeout(400)
async def test_every_answer_is_one_that_the_document_has(kafka: KafkaUnderTest, tmp_path: Path) -> None:
    """An operator may deliver on every route but GitHub's, which asks for a signature: there it is refused in all cases."""
    prefix = f"door-{secrets.token_hex(4)}."
    await ensure_topics(ProcessSettings(kafka=kafka.bootstrap, topic_prefix=prefix), TOPICS)
    async with door_process(kafka.bootstrap, prefix) as door:
        run = await asyncio.create_subprocess_exec(
            *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{door.url}/openapi.json"),
            *("--header", f"Authorization: Bearer {TOKENS[Role.OPERATOR]}", "--exclude-checks", LEFT_OUT),
            *("--phases", "coverage,fuzzing", "--max-examples", "30", "--seed", "1", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await run.communicate()
        outcomes = await door.requests()
    assert run.returncode == 0, said.decode()
    assert "Tested: 8" in said.decode()
    assert sum(outcomes.values()) > 100
