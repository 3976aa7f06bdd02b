"""The worker's side: the Procrastinate App, the exchange loop, built-in tasks. Never imports `app`."""
