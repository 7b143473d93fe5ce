"""What README tells CI and monitoring to write is taken as it stands there."""

import json

import pytest

from lockgate.messages.anomalies import IncidentDetected
from lockgate.messages.artifacts import ArtifactPublished
from lockgate.messages.payload import Payload
from lockgate.messages.values import digest_problem
from lockgate.runtime.checks import Record
from lockgate.runtime.reading import Readable, read
from tests.support.cdevents import ROOT

README = (ROOT / "README.md").read_text()


def _examples() -> list[str]:
    """The indented blocks that are JSON objects."""
    blocks = [block for block in README.split("\n\n") if block.startswith('    {"context"')]
    return ["\n".join(line[4:] for line in block.splitlines()) for block in blocks]


@pytest.mark.parametrize(
    ("topic", "kind"), [("artifacts", ArtifactPublished), ("anomalies", IncidentDetected)]
)
def test_an_event_of_the_readme_can_be_sent_as_it_is(topic: str, kind: type[Payload]) -> None:
    (text,) = [text for text in _examples() if json.loads(text)["context"]["type"] == kind.type]
    headers = (("content-type", b"application/json"),)
    item = read(Record(topic, 0, 0, None, headers, text.encode()))
    assert isinstance(item, Readable), item
    assert isinstance(item.message.body, kind)
    if isinstance(item.message.body, ArtifactPublished):
        assert digest_problem(item.message.body.version) is None
        assert item.message.body.tag == "v2"
