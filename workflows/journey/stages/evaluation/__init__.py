"""Evaluation: what is found out before anything is planned, by one licensed evaluator."""
