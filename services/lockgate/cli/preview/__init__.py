"""What would happen to an artifact under a plan: pure, from the plan, what the topics say of the application, and the time.

`history` folds events, `times` asks the plan, `queue` asks intake's core, `foreseen` puts it together, `telling` makes lines of it.
"""
