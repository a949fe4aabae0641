"""The patient's particulars: whom to call and where to send help, language and interpreter, and the birth date."""
