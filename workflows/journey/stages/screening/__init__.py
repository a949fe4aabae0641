"""Screening: is this safe and appropriate for this person, and where?"""
