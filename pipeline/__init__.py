"""Headroom: capacity and cost forecasts, anomalies and recommendations for an AWS estate."""
