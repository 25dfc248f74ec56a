-- Results of vendors are told apart by channel, too: Kakao may be down while text messages of the same vendor work. What
-- was counted before were text messages.
ALTER TABLE vendor_hourly
  ADD COLUMN channel VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'mt' AFTER account,
  DROP PRIMARY KEY,
  ADD PRIMARY KEY (vendor, account, channel, hour_ms, state, code);
