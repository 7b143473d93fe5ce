"""The ledger decides nothing: it stores every record of every topic, hash-chained, and signs the heads of its chain.

It reacts to every topic but its own, and emits `checkpoints`. From what it has stored it tells people, outside of Kafka.
"""
