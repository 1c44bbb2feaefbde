"""What outlives a meeting, in SQLite or PostgreSQL: users, rooms, sessions, tenants, keys."""
