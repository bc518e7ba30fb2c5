"""Results of trainings as rows, and their tables and figures. Does not import torch."""
