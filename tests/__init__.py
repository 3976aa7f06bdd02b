"""Every test; `./dev test` runs them."""
