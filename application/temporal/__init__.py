"""How use cases reach journeys in Temporal. Only `context` imports what needs its client."""
