"""The wire: schema, framing, codec, authentication."""
