"""What students hand in: their answers found, collected and shown."""
