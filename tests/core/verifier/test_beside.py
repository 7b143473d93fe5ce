"""How many pods there are, of which half must be there."""

from lockgate.verifier.statistics.beside import Beside


def test_of_productions_pods_those_of_the_last_scrapes_count_and_of_the_pilots_all() -> None:
    counts = [(2, 9), (1, 9), (1, 4), (0, 4), (0, 4), (3, 5)]
    wanted = [(2, 9), (2, 9), (2, 9), (2, 9), (2, 4), (3, 5)]
    assert Beside(3).fold(counts) == wanted
    parts = Beside(3)
    assert [row for end in range(6) for row in parts.fold(counts[end : end + 1])] == wanted
