"""Files: uploads, what is found in them, who may fetch them, and what one has."""
