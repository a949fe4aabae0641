"""What Temporal runs: the workflows, the pure core (`journey`), and the protocol files."""
