"""What steps read from the lake, as frames."""
