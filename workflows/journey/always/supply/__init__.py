"""The supply at the patient's home: a ledger of doses dispensed, taken, returned, disposed of, lost and counted."""
