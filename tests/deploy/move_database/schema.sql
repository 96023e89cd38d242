-- What the service's own tables do not have: every type that is moved, and keys that are no numbers.
CREATE TABLE everything (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  tag VARCHAR(40) NULL UNIQUE,
  story LONGTEXT NOT NULL,
  short CHAR(10) NOT NULL,
  tiny TINYINT UNSIGNED NULL,
  small SMALLINT NULL,
  medium MEDIUMINT UNSIGNED NULL,
  plain INT UNSIGNED NULL,
  price DECIMAL(20, 6) NULL,
  ratio DOUBLE NULL,
  day DATE NULL,
  at DATETIME(6) NULL,
  second DATETIME NULL,
  thousandth DATETIME(3) NULL,
  raw VARBINARY(40) NULL,
  picture BLOB NULL,
  fixed BINARY(8) NULL,
  document JSON NOT NULL,
  doubled BIGINT AS (small * 2) STORED
) CHARACTER SET utf8mb4;

CREATE TABLE by_name (
  name VARCHAR(60) PRIMARY KEY,
  number INT NOT NULL
) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;

CREATE TABLE by_bytes (
  id BINARY(16) PRIMARY KEY,
  number INT NOT NULL
) CHARACTER SET utf8mb4;
