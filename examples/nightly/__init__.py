"""Jobs of the night: a group with one schedule, run by hand, made up for, and silent the rest of the time."""
