"""Owns conversations: their order, their log, who may see what, how far everyone has read, and delivery."""
