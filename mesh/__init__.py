"""What makes a process a member of the mesh; it knows no user, group or message."""
