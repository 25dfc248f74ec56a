-- People who sign in, what they may do where, their sessions, and what keeps strangers out.
-- account_id 0 stands for the operators of the installation.
CREATE TABLE people (
  person_id     BINARY(16) NOT NULL PRIMARY KEY,
  email         VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  name          VARCHAR(100) NOT NULL,
  password      VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  totp          VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NULL,
  totp_pending  VARCHAR(512) CHARACTER SET ascii COLLATE ascii_bin NULL,
  totp_step     BIGINT UNSIGNED NOT NULL DEFAULT 0,
  recovery      TEXT CHARACTER SET ascii COLLATE ascii_bin NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  updated_ms    BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY email (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE members (
  account_id    INT UNSIGNED NOT NULL,
  person_id     BINARY(16) NOT NULL,
  roles         VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  enabled       TINYINT NOT NULL DEFAULT 1,
  version       INT UNSIGNED NOT NULL DEFAULT 1,
  seen_ms       BIGINT UNSIGNED NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  updated_ms    BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (account_id, person_id),
  KEY person (person_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE sessions (
  session_id    BINARY(16) NOT NULL PRIMARY KEY,
  person_id     BINARY(16) NOT NULL,
  account_id    INT UNSIGNED NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  seen_ms       BIGINT UNSIGNED NOT NULL,
  confirmed_ms  BIGINT UNSIGNED NOT NULL DEFAULT 0,
  ended_ms      BIGINT UNSIGNED NULL,
  address       VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  agent         VARCHAR(200) NOT NULL,
  KEY person (person_id, ended_ms),
  KEY age (created_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- token is the SHA-256 of what stands in the mail's link
CREATE TABLE invitations (
  invitation_id BINARY(16) NOT NULL PRIMARY KEY,
  account_id    INT UNSIGNED NOT NULL,
  email         VARCHAR(254) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  roles         VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  token         BINARY(32) NOT NULL,
  invited_by    VARCHAR(254) NOT NULL,
  created_ms    BIGINT UNSIGNED NOT NULL,
  expires_ms    BIGINT UNSIGNED NOT NULL,
  UNIQUE KEY address (account_id, email),
  UNIQUE KEY token (token)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE password_resets (
  token         BINARY(32) NOT NULL PRIMARY KEY,
  person_id     BINARY(16) NOT NULL,
  expires_ms    BIGINT UNSIGNED NOT NULL,
  KEY person (person_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- browsers that have signed somebody in: device is the SHA-256 of their cookie
CREATE TABLE known_devices (
  person_id     BINARY(16) NOT NULL,
  device        BINARY(32) NOT NULL,
  seen_ms       BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (person_id, device)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- failed sign-ins by what they are counted under
CREATE TABLE sign_in_failures (
  subject       BINARY(32) NOT NULL PRIMARY KEY,
  failures      INT UNSIGNED NOT NULL,
  first_ms      BIGINT UNSIGNED NOT NULL,
  last_ms       BIGINT UNSIGNED NOT NULL,
  locked_until_ms BIGINT UNSIGNED NOT NULL DEFAULT 0,
  KEY last (last_ms)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
