"""Generates `schemas/`: JSON Schemas, examples and the AsyncAPI document, all from the models (`make schemas`).

Nothing here runs in a service. It imports what the other messages modules may: pydantic and the standard library.
"""
