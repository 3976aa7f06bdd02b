"""A page that shows a long generation while a worker writes it."""
