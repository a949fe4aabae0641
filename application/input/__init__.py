"""What people and organisations hand in, read and checked: forms, files, times, numbers, addresses."""
