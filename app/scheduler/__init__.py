"""The process that keeps time: one leader rescues lost work, expires late jobs, forgets old answers."""
