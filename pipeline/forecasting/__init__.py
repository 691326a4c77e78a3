"""What forecasters share: panels, metrics, backtests, choice and gates. Pure."""
