"""Pre-production on demand: a small clone of a live workload in a namespace of its own, and nothing of production in it.

What is live is only read. All that is written is made and removed in the region's namespace, under the fence of the grant.
"""
