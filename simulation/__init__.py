"""Invented people and who plays them: for the demonstration, the tests and the benchmarks. Never in production."""
