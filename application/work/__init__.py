"""What is awaited, of whom and until when: worklist, caseload, claims, service levels."""
