"""Use cases, called by every way in. They check who may act, write the access log, and raise typed errors."""
