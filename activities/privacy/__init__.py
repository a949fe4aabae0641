"""Keys that make what lies in Temporal and in the record secret: one of each patient, apart from what they encrypt."""
