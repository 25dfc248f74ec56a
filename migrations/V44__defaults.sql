-- What a request that names no fallback gets: {lane: {fallback, wait}}, as PUT /v1/me takes it.
ALTER TABLE accounts
  ADD COLUMN defaults MEDIUMTEXT CHARACTER SET utf8mb4 NULL;
