"""What Redis does in one step: scripts that put, swap, touch and remove a field of a key that has an end."""

from typing import Final

# A key ends at the later of two times, its own and that of this command. PEXPIRE GT would take a key without an end,
# which a new one is, for one that lives for ever. EVAL takes the text each time, so that no restart can lose it.
_PROLONG: Final = """
local function prolong(ms)
  local left = redis.call('PTTL', KEYS[1])
  if left ~= -2 and left < tonumber(ms) then redis.call('PEXPIRE', KEYS[1], ms) end
  return left ~= -2
end
"""

PUT: Final = f"""{_PROLONG}
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
return prolong(ARGV[1])
"""

# ARGV: life in ms, field, value, and what the field must hold, left out for nothing.
SWAP: Final = f"""{_PROLONG}
local held = redis.call('HGET', KEYS[1], ARGV[2])
if held ~= ARGV[3] and held ~= (ARGV[4] or false) then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
prolong(ARGV[1])
return 1
"""

TOUCH: Final = f"{_PROLONG} return prolong(ARGV[1]) and 1 or 0"

REMOVE_IF: Final = """
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1
"""
