"""Commands that work on a user's own files, without a lake."""
