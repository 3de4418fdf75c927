"""Data: from tables and images to records to batches."""
