"""Signing in by the OpenID Connect provider of an organisation."""
