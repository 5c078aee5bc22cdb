"""What all tests share: nothing but the rule that a test makes what it needs, and that its time is the machine's."""

from hypothesis import settings

# What one example takes says how busy the machine is, and nothing of the code.
settings.register_profile("parley", deadline=None)
settings.load_profile("parley")
