"""Messages to people: by which channels, how people are reached, links that let them in, and what became of each."""
