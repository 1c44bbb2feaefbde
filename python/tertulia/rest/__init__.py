"""The REST control plane: the table of operations, their handlers, and who may call them."""
