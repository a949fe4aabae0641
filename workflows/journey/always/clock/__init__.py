"""The clock: every step of an escalation policy is taken once, when its time has come, and never approves anything."""
