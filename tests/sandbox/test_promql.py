"""The selector parser: what it takes, and what it refuses by name."""

import pytest

from lockgate.sandbox.promql import BadQueryError, duration, parse_selector

LABELS = {"__name__": "up", "region": "eu-west", "pod": "payments-1"}


@pytest.mark.parametrize(
    "query",
    [
        "up",
        'up{region="eu-west"}',
        "up{region='eu-west',}",
        'up { region =~ "eu-.*" , pod !~ "other.*" }',
        '{__name__="up", region!="us-east"}',
        'up{missing=""}',
        "up{region=`eu-west`}",
    ],
)
def test_a_selector_selects(query: str) -> None:
    assert parse_selector(query).selects(LABELS)


@pytest.mark.parametrize(
    "query", ['up{region="eu"}', 'up{region=~"eu"}', "down", 'up{missing!=""}', 'up{pod!~".*1"}']
)
def test_a_selector_leaves_out(query: str) -> None:
    assert not parse_selector(query).selects(LABELS)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sum(up)",
        "up + 1",
        "up[5m] offset 1m",
        "up[5q]",
        "up[0s]",
        "up[5m",
        "up{region}",
        'up{region="a" pod="b"}',
        'up{region=~"("}',
        "{}",
        '{region=""}',
        '{region=~".*"}',
        "rate(up[5m])",
        "5",
    ],
)
def test_anything_else_is_refused(query: str) -> None:
    with pytest.raises(BadQueryError, match="parse error"):
        parse_selector(query)


def test_a_range_is_read_in_seconds() -> None:
    assert parse_selector("up[5m]").range == 300
    assert parse_selector("up").range is None
    assert duration("1h30m") == 5400
    assert duration("250ms") == 0.25
