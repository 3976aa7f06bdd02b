"""The process that keeps time: one leader rescues lost work, expires and prunes jobs, checks on workers."""
