"""Who may look at a journey, and emergency access from outside (45 CFR 164.312(a)(2)(ii))."""
