"""What the core leans on; it imports nothing of the course."""
