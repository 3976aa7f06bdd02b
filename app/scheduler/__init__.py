"""The process that keeps time: one leader rescues, expires, prunes, checks on workers, ends what hangs."""
