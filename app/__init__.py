"""The API role's side of onewriter: HTTP server, scheduler, schema tools and CLI."""
