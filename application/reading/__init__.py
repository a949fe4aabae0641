"""What every look begins with: whether this person may, the entry in the access log, and what is recorded."""
