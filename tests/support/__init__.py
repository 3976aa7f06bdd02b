"""What tests stand on: real clusters, real logins."""
