"""The HTTP API: routes, authentication, problems; the only package that knows aiohttp."""
