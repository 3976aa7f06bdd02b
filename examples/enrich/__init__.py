"""An entity service: workers ask an outside API, handlers write the entities and start the next step."""
