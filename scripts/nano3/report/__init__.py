"""What is shown of artifacts: the report, and how numbers and graphs are written."""
