"""Checks the bundles of artifacts, as intake's slow work: signatures, certificates, logs, and what is signed. Offline."""
