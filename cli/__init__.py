"""The command line: arguments in, output out. The work is done by `application`."""
