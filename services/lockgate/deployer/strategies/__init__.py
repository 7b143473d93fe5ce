"""How a region changes version: pure functions from (target, what is live) to the one next thing to do.

They are called again after everything that they ask for, with what is live then. So a step that is begun again
goes on where the cluster stands, and a lost answer is no second write.
"""
