"""Workers in two regions: they register, some are killed, their jobs move on, and they come back."""
