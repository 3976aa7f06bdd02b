"""Processes of their own that put load on a peer and print what they measured as JSON."""
