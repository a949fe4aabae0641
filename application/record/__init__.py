"""The record as ops keep it: verified, reconciled, exported, and its read models."""
