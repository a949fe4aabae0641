"""The parts that a run of `care_journey` is made of, each with its own state and one purpose. None holds medicine."""
