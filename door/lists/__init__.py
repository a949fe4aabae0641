"""What people work from: worklists, caseloads, claims and figures."""
