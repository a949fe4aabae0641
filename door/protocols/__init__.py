"""Protocol files: shown, compared and approved."""
