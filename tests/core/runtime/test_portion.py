"""How many records are read at once, by what became of the batches before."""

from lockgate.runtime.portion import MOST, Portion


def late(portion: Portion, taken: int) -> None:
    portion.taken = taken
    portion.late()


def test_at_first_it_is_all_that_may_be() -> None:
    assert Portion().most == MOST == 500


def test_after_a_batch_that_was_late_it_is_half_of_what_that_one_had() -> None:
    portion = Portion()
    late(portion, 100)
    assert portion.most == 50
    late(portion, 50)
    assert portion.most == 25


def test_one_that_was_late_though_it_was_smaller_than_might_be_makes_it_no_larger() -> None:
    portion = Portion()
    late(portion, 8)
    late(portion, 500)
    assert portion.most == 2


def test_it_is_one_at_the_least() -> None:
    portion = Portion()
    for taken in (3, 1, 1):
        late(portion, taken)
        assert portion.most == 1


def test_what_times_out_again_before_more_is_taken_makes_it_no_smaller() -> None:
    portion = Portion()
    late(portion, 100)
    portion.late()
    assert portion.most == 50


def _written(portion: Portion, times: int) -> list[int]:
    found = []
    for _ in range(times):
        portion.written()
        found.append(portion.most)
    return found


def test_with_each_batch_that_is_written_it_doubles_again_below_what_was_too_much() -> None:
    portion = Portion()
    late(portion, 500)
    late(portion, 250)
    late(portion, 125)
    assert portion.most == 62
    assert _written(portion, 1) == [124]


def test_as_many_as_were_too_many_come_by_and_by_and_then_it_doubles() -> None:
    portion = Portion()
    late(portion, 10)
    assert _written(portion, 8) == [6, 7, 8, 9, 10, 20, 40, 80]


def test_it_is_never_more_than_all() -> None:
    portion = Portion()
    late(portion, 10)
    assert _written(portion, 12)[-2:] == [500, 500]
