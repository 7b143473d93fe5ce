"""The one mechanism that runs every service: records in, pure decisions, one transaction, records out.

A service is a declaration (`service.Service`); this package does the rest. It imports no service.
"""
