"""The words of questionnaires, which are the clinic's: read from FHIR files, and never part of this service."""
