"""Messages: the channels that the settings name."""
