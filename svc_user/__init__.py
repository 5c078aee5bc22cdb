"""Owns accounts, log-in, sessions and tokens, profiles, friendships and blocks."""
