"""The rollback coordinator decides how a release gets out of trouble, and to which version each region goes back.

It reacts to `releases`, `verdicts` and `deployments`, and emits `rollbacks`: halted, ordered, marked, settled.
"""
