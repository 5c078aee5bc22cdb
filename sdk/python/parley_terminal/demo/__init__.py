"""A story that plays itself: three devices of two people and an assistant, and at the end what each of them saw."""
