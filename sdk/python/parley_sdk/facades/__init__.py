"""The unary services, a class for each: plain arguments in, messages of the contract out, refusals as ParleyError."""
