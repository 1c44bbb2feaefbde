"""The SFU node: an agent between the fleet's channels and the media engine (the extension ``_sfu``)."""
