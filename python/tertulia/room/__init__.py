"""The domain, pure: (state, event, now) → effects. No asyncio, no Redis, no SQL, no sockets."""
