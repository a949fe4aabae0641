"""What people act through: the commands of coordinators, clinicians and ops. It decides nothing itself."""
