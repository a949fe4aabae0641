"""What people work from: worklists, caseloads and figures, kept beside the record and true up to a position of it."""
