"""Pregnancy tests: dated, with a result, valid for the days of the protocol."""
