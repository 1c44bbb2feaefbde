"""``tertulia dev``: all of Tertulia on one machine, with an embedded Valkey."""
