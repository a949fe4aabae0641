"""What the people of an invented journey do: the next move, and what somebody does about each kind of obligation."""
