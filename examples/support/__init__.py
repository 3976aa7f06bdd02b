"""What the examples share: processes, a system to play on, an API client, a story told line by line."""
