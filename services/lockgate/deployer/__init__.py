"""The deployer decides nothing but how a granted step is done on its clusters.

It reacts to grants (`verdicts`), halts and orders (`rollbacks`), and emits what was done, and what was not,
on `deployments`.
"""
