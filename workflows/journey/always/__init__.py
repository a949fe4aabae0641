"""What goes on in every stage: safety, holds, access, corrections, sign-offs and the clock."""
