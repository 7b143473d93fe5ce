"""What the topics say about releases, made readable: a fold over the events, a tree, and plain lines.

It reads topics only, so it shows what anybody can recompute, also while services are down.
"""
