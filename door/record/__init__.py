"""The record: proven, reconciled, exported and kept up."""
