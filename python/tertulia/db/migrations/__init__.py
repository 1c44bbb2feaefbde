"""The migrations of the schema, run by Alembic: see ``tertulia.db.migrate``."""
