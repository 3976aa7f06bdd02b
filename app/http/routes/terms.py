"""What the pages of routes say again and again: scopes, headers, errors."""

from app.errors import JobGone, JobNotFound

READ, WRITE, OPERATE, ADMIN = "jobs:read", "jobs:write", "jobs:operate", "admin"
METRICS = "metrics:read"
WORKERS_WRITE = "workers:write"
SCHEDULES_WRITE = "schedules:write"
MISSING = (JobNotFound, JobGone)
LOCATED = ("Location",)
TAGGED = ("ETag",)
CONDITIONS = ("If-Match", "If-None-Match")
