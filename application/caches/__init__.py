"""What a process read and proved lately, so that it does neither again for each look."""
