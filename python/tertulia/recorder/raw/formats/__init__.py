"""The RTP payload formats of each codec: payloads in, pictures out. Pure, and linear in their input."""
