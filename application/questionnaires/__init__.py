"""Questionnaires: their words, which are the clinic's and read from FHIR files, and their scores."""
