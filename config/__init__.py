"""The configuration: files that operators edit, and one typed loader that refuses a bad file before anything starts."""
