"""What can be done with groups: one verb each."""
