"""An existing Procrastinate code base: its own App, whose connector nobody opens any more."""

import procrastinate

app = procrastinate.App(connector=procrastinate.PsycopgConnector())


@app.task(name="plain")
async def plain() -> str:
    return "from a stock app"
