"""`lockgate backtest`: another policy tried on the verdicts of past releases, from the evidence that they carry.

`policyfile` reads what is tried, `history` folds the topics, `terms` and `rejudged` say what the verdicts would have been, `telling`
tells it. All of it is pure; `command` reads the file and the topics.
"""
