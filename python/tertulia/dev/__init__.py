"""All of Tertulia on one machine: processes that die with their parent, an embedded Valkey, ``tertulia dev``."""
