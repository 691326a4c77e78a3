"""Looking after an installation: its health, its costs, its memory."""
