"""Every route of the API: a page for each kind of thing."""

from app.http.registry import Route
from app.http.routes.handlers import HANDLERS
from app.http.routes.jobs import JOBS, VERBS
from app.http.routes.pages import OBSERVE, OPEN
from app.http.routes.schedules import SCHEDULES
from app.http.routes.secrets import SECRETS
from app.http.routes.tasks import TASKS
from app.http.routes.webhooks import WEBHOOKS
from app.http.routes.workers import WORKERS

ROUTES: tuple[Route, ...] = (
    *JOBS,
    *VERBS,
    *TASKS,
    *WORKERS,
    *SECRETS,
    *HANDLERS,
    *SCHEDULES,
    *WEBHOOKS,
    *OBSERVE,
    *OPEN,
)
