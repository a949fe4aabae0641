"""What codes, kinds and ids are called for people: console, printed record and command line."""
