"""The clock: each step of an escalation policy is taken once, when its time has come. It never approves anything."""
