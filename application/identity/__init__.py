"""Who people are, how they prove it, and the keys they sign with."""
