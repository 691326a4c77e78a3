"""Who a cost belongs to: rules of a file, what they decide of each charge, and shared costs split to the last digit."""
