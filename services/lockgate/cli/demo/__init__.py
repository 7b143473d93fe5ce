"""`lockgate demo`: the main job, live, on real servers: a good release, a bad one, and one that is bad late."""
