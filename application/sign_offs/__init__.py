"""What clinicians sign: what is asked of them, on which evidence, what they decided, and what was refused."""
