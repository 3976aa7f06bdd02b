"""Connections, LISTEN, NOTIFY, and the one place where SQLSTATEs become typed errors."""
