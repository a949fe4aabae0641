"""What clinicians sign, the keys they sign with, and who may."""
