"""The process that keeps time: one leader rescues, expires, prunes, ends what workers leave open."""
