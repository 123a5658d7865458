-- What Tranship needs on a target. Replace `shop` by the schema that the tables are moved to.
CREATE USER IF NOT EXISTS 'tranship'@'%' IDENTIFIED BY RANDOM PASSWORD;

-- Whether the server is a replica; its binary log, in which writes of others to the tables show.
GRANT REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.* TO 'tranship'@'%';

-- The control schema.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, CREATE TEMPORARY TABLES
  ON `tranship`.* TO 'tranship'@'%';

-- The tables themselves. With foreign keys also REFERENCES, on MariaDB globally also SLAVE MONITOR.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER ON `shop`.*
  TO 'tranship'@'%';
