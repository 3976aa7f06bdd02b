"""What reads things: functions that return frozen dataclasses and never write."""
