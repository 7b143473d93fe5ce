"""Decides which artifact becomes a release and when; reacts to artifacts, plans, regions, verdicts and settlements; emits `releases`."""
