"""The schema's life: roles, migrations, the contract in sql/, hardening, and the checks on them."""
