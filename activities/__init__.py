"""The outside world: the activities, and behind them the record, signatures and notices."""
