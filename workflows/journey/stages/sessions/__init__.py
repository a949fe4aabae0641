"""Sessions: scheduled within interval rules, checked, cleared, released, dosed, observed, ended."""
