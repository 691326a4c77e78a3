"""Headroom: capacity and cost forecasts, anomalies and recommendations for an AWS estate."""

__version__ = "0.9.0"
