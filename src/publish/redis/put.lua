-- Puts a document under its key, or takes it away, unless a newer version of it has been there.
-- KEYS: the key, and where its version is kept. ARGV: the version; `set` or `delete`; the document; for how many milliseconds the
-- document is kept, or 0; for how many its version is, or 0. Answers 1, or 0 where a newer one has been there.
-- Without keys it does nothing, which shows whether it may be run.
-- Versions are positive numbers in decimals, compared as text: numbers of this language are floats.
if #KEYS == 0 then
  return 0
end
local kept, new = redis.call('GET', KEYS[2]), ARGV[1]
if kept and (#kept > #new or (#kept == #new and kept > new)) then
  return 0
end
if ARGV[2] == 'delete' then
  redis.call('DEL', KEYS[1])
  -- Refused where memory is used up; that a document goes away must not wait for that.
  redis.pcall('SET', KEYS[2], new, 'PX', ARGV[5])
  return 1
end
if ARGV[4] == '0' then
  redis.call('SET', KEYS[2], new)
  redis.call('SET', KEYS[1], ARGV[3])
else
  redis.call('SET', KEYS[2], new, 'PX', ARGV[5])
  redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
end
return 1
