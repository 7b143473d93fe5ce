"""How likely a good release is to pass a plan's comparisons, and how soon a bad one is found, with the traffic at hand.

Releases are simulated and judged by the verifier's own statistics. Pure but for `measured`, which asks Prometheus.
"""
