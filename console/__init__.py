"""The web console: the same use cases as the command line, in a browser."""
