"""Beginning, handing over and ending a pathway. Every ending is a named, ordinary outcome."""
