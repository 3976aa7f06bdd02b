"""Three ways in which a worker gets the domain's data, and what it may not do with it."""
