"""Built-in tasks: `http.request`, `sleep`, `echo`, `webhook.deliver`."""
