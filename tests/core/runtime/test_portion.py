"""How many records are read at once, by what became of the batches before."""

from lockgate.runtime.portion import MOST, Portion


def test_at_first_it_is_all_that_may_be() -> None:
    assert Portion().most == MOST == 500


def test_after_a_batch_that_was_late_it_is_half_of_what_that_one_had() -> None:
    portion = Portion()
    portion.late(100)
    assert portion.most == 50
    portion.late(50)
    assert portion.most == 25


def test_one_that_was_late_though_it_was_smaller_than_might_be_makes_it_no_larger() -> None:
    portion = Portion()
    portion.late(8)
    portion.late(500)
    assert portion.most == 2


def test_it_is_one_at_the_least() -> None:
    portion = Portion()
    for taken in (3, 1, 1, 0):
        portion.late(taken)
        assert portion.most == 1


def test_with_each_batch_that_is_written_it_doubles_again() -> None:
    portion = Portion()
    portion.late(10)
    found = []
    for _ in range(8):
        portion.written()
        found.append(portion.most)
    assert found == [10, 20, 40, 80, 160, 320, 500, 500]
