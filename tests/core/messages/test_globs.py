"""Allow-lists with stars: what they match, and what may be written."""

import pytest

from lockgate.messages.globs import glob_problem, matches

TAGS = "https://github.com/acme/payments/.github/workflows/release.yml@refs/tags/*"


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("a@b.example", "a@b.example"),
        (TAGS, TAGS.replace("*", "v1.2-rc_3")),
        ("https://x.example/acme/*/b", "https://x.example/acme/a/b"),
        ("https://x.example/acme/a*c", "https://x.example/acme/abc"),
        ("https://x.example/acme/*@refs/*/main", "https://x.example/acme/a@refs/heads/main"),
    ],
)
def test_the_whole_text_is_matched(glob: str, text: str) -> None:
    assert glob_problem(glob) is None
    assert matches(glob, text)


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        (TAGS, TAGS.replace("*", "")),
        (TAGS, TAGS.replace("*", "a/b")),
        (TAGS, TAGS.replace("*", "a@b")),
        (TAGS, TAGS.replace("*", "v1") + "\n"),
        (TAGS, "x" + TAGS.replace("*", "v1")),
        (TAGS, TAGS.replace("*", "v1").replace(".github", "xgithub")),
        ("https://x.example/acme/a*c", "https://x.example/acme/ac"),
        ("a@b.example", "a@b.example.org"),
        ("a@b.example", "A@b.example"),
        ("a.b", "axb"),
        ("[ab]", "a"),
    ],
)
def test_nothing_else_is_matched(glob: str, text: str) -> None:
    assert not matches(glob, text)


@pytest.mark.parametrize(
    "glob",
    [
        "*",
        "https://*",
        "https://*/acme/x",
        "https://github.com/*",
        "https://github.com/*/payments",
        "https://github.com/a*/b",
        "*@acme.example",
        "release-*@acme.example",
    ],
)
def test_a_star_may_not_stand_for_whose_it_is(glob: str) -> None:
    assert str(glob_problem(glob)).startswith(
        "a * may stand only behind the host and the first part of a path"
    )


@pytest.mark.parametrize("glob", ["https://x.example/acme/**", "https://x.example/acme/a*b*c/d"])
def test_two_stars_do_not_stand_in_one_part(glob: str) -> None:
    assert glob_problem(glob) == "write one * at most between two / or @"


def test_few_stars_are_written() -> None:
    assert glob_problem(f"https://x.example/acme{'/*' * 10}") is None
    assert glob_problem(f"https://x.example/acme{'/*' * 11}") == "write 10 * at most"


@pytest.mark.parametrize("star", "!\"$%&'()*+,-.09:;<=>AZ[\\]^_`az{|}~")
def test_a_star_stands_for_printable_ascii(star: str) -> None:
    assert matches(TAGS, TAGS.replace("*", star))


@pytest.mark.parametrize("other", ["?", "#", " ", "\x7f", "é", "\0", "\ud800", "\U0010ffff"])
def test_a_star_stands_for_nothing_else(other: str) -> None:
    assert not matches(TAGS, TAGS.replace("*", f"v{other}1"))


@pytest.mark.parametrize("glob", ["", "a b", "ä", "a\n", "x" * 501])
def test_only_printable_ascii_is_written(glob: str) -> None:
    assert glob_problem(glob) == "write 1 to 500 printable ASCII characters without blanks"
