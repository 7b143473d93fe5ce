"""How a verdict is made from counts: pure functions of evidence and policy, with no clock, no chance, no I/O."""
