"""Protocol files: found, compared and approved."""
