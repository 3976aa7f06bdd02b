"""The tasks that peers run: they count themselves and do nothing else."""
