"""A relying party of OpenID Connect: a library of its own. Its core does no I/O, and it knows nothing of Tertulia."""
