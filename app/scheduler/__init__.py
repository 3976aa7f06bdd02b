"""The process that keeps time: one leader rescues lost work, expires late jobs, prunes what is old."""
