"""What changes things: functions, connection first, then keyword-only arguments."""
