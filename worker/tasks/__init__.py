"""Built-in tasks: `http.request`, `sleep`, `echo`."""
