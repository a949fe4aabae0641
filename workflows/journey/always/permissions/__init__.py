"""What gives leave to prescribe, until when: the remote-prescribing permission and the monitoring-program check."""
