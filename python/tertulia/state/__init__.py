"""Who is here, in Redis: rooms, channels and registries.

Redis is a cache of that, not the truth: the hubs that hold the connections are, and write it again when it is lost.
"""
