"""The terminal: arguments in, output out. What is done is done by `application`."""
