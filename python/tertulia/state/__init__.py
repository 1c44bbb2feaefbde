"""Who is meeting where, in Redis: the rooms, and the registries of SFU nodes and web workers.

Redis is a cache of that. The truth is in the hubs, which hold the connections and write it again when it is lost.
"""
