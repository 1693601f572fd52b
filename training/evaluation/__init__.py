"""What the demonstration makes of requests it has never seen, beside chance and truth."""
