"""What goes on in every stage: holds, crises, adverse events, support, and messages nobody could read."""
