"""A seeded world for the rooms: hubs, a model of Redis, a channel that breaks, clients that come and go."""
