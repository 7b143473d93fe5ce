"""Tells people: of failures, holds, approvals that are waited for, rollbacks, recoveries and completed releases.

It reads the events that the ledger has recorded, and posts to receivers that the settings name. It writes to no topic.
"""
