"""Report of a build: figures for programs (`summary`), plain text (`text`), and an HTML page (`page`)."""
