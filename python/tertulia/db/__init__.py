"""What outlives a meeting: users, rooms, sessions, tenants, keys. SQLite or PostgreSQL."""
