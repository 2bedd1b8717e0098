"""How do pages and pictures look? Style, templates, charts and flow graphs that more than one of them shows."""
