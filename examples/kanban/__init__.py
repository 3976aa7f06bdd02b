"""Boards, tasks and hints: agents are workers that only answer, the board's API side alone writes."""
