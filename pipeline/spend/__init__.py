"""What a bill will say: usage as joint sample paths, fees and tax by their schedules, and every node above a service. Pure."""
