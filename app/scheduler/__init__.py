"""The process that keeps time: one elected leader rescues lost work, expires late jobs, forgets old answers."""
