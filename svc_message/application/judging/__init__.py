"""Who looks at what people write, before it is kept or after."""
