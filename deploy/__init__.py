"""The local stack: its servers as child processes, for people, the demonstration and tests."""
