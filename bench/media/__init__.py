"""What the SFU pays to forward a packet, beside what the kernel alone charges for sending it."""
