"""What the services say to each other: the envelope, the topics, and one pydantic model per event type.

This package imports pydantic only. It is the source of `schemas/`; nothing else defines an event.
"""
