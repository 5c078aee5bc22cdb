"""Reading the log: by place and by words, and what became of single posts."""
