"""The door: a stateless process of intake that authenticates, translates and publishes to the inlets; it decides nothing."""
