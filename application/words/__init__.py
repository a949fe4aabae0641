"""What codes, kinds, changes and times are called for people: console, printed record and command line."""
