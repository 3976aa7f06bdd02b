"""The process that keeps time: one leader rescues, expires, prunes, advances flows, checks on workers."""
