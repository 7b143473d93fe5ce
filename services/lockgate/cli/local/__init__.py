"""The whole system on this machine: embedded Kafka and PostgreSQL, the sandbox, and every service as a process.

`lockgate up`, the demo and the flow tests stand on it. Everything is started as it would be elsewhere, by
settings in the environment; nothing here knows how a service works.
"""
