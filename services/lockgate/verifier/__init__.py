"""The verifier decides whether a step is proven safe, and what may be done next: every grant, every verdict.

Reacts to `releases`, `deployments`, `rollbacks` and `anomalies`; emits `verdicts`.
"""
