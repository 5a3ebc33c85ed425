"""The Jinja2 templates of the pages and letters."""
