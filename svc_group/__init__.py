"""Groups: their settings, members, roles, announcements, and the ways in."""
