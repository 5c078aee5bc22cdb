"""Files, and pages that links lead to."""
