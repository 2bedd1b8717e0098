"""What does every part need that knows no artifact? Command lines, closed schemas, tables, retries, formatting."""
