"""How a process begins and ends: its log, the keys it encrypts with, its exit."""
