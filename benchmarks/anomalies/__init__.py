"""How often the detection of anomalies is right."""
