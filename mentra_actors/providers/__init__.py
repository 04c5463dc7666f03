"""Model providers: one port, pure wire codecs, and the transports that carry them."""
