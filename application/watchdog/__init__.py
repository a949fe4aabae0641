"""The watchdog: it reads the record, knows nothing of Temporal, and pages when what is due did not happen."""
