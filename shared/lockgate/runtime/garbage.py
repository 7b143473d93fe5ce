"""How often a process looks for garbage: seldom, where it makes many objects of which none is part of a cycle. Talks to nobody."""

import gc

THRESHOLDS = (50_000, 20, 20)  # a batch makes tens of thousands of objects


def collect_seldom() -> None:
    """What there is lives as long as the process: looking at modules and models again and again costs a tenth."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
