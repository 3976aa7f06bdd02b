"""Queues side by side on one embedded server: `./dev bench`."""
