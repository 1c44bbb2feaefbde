"""What attacks add to the delays of others: see ``__main__``."""
