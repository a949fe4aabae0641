"""How the service is configured and brought up: settings, the local stack, containers."""
