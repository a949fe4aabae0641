"""The care team: the people of a journey, each with a part in it."""
