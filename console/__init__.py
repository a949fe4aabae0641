"""What people reach with a browser: the same use cases as the command line, and payloads in clear for Temporal's UI."""
