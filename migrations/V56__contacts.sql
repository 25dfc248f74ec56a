-- People an account writes to, and groups of them. An address belongs to one contact: `kind` is `phone` for all channels
-- that reach a phone number. Members that left a group stay as rows until the group or the contact is deleted: a request
-- that is sent again is taken up with the members of its first moment.
CREATE TABLE contacts (
  contact_id    BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  name          VARCHAR(255) NULL,
  addresses     TEXT NOT NULL,
  variables     MEDIUMTEXT NOT NULL,
  tags          TEXT NOT NULL,
  version       INT UNSIGNED NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  updated_ms    BIGINT UNSIGNED NOT NULL,
  KEY listed (account_id, contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE contact_addresses (
  account_id    INT UNSIGNED NOT NULL,
  kind          VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  address_hash  BINARY(32) NOT NULL,
  contact_id    BINARY(16) NOT NULL,
  PRIMARY KEY (account_id, kind, address_hash),
  KEY of_contact (contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE contact_groups (
  group_id      BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  name          VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  version       INT UNSIGNED NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  updated_ms    BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY own (account_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE group_members (
  group_id      BINARY(16) NOT NULL,
  contact_id    BINARY(16) NOT NULL,
  added_ms      BIGINT UNSIGNED NOT NULL,
  removed_ms    BIGINT UNSIGNED NULL,
  PRIMARY KEY (group_id, contact_id, added_ms),
  KEY of_contact (contact_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
