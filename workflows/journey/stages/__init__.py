"""The stages of a pathway, one module each: what each decides, what follows, and what it needs."""
