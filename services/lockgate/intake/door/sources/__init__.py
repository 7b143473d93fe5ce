"""One module for each source: the payload as its product documents it, and what events are made of it. All pure."""
