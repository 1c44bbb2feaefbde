"""What the page weighs before joining, and how soon its lobby is there."""
