"""What trainings gave, as rows: tables and figures of them. No torch."""
