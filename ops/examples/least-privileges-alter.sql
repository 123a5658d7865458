-- What Tranship needs to rebuild tables in place. Replace `shop` by the schema of the tables.
CREATE USER IF NOT EXISTS 'tranship'@'%' IDENTIFIED BY RANDOM PASSWORD;

-- The binary log; foreign keys of schemas that we have no rights on; prepared XA transactions.
GRANT REPLICATION SLAVE, REPLICATION CLIENT, PROCESS, XA_RECOVER_ADMIN ON *.* TO 'tranship'@'%';

-- The control schema, and the temporary tables in which rows are converted.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER, CREATE TEMPORARY TABLES
  ON `tranship`.* TO 'tranship'@'%';

-- The table, its shadow, and the lock of the swap.
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, TRIGGER, LOCK TABLES ON `shop`.*
  TO 'tranship'@'%';

-- Who waits for which table; sessions that log otherwise than new ones would. For --force-after also CONNECTION_ADMIN, globally.
GRANT SELECT ON performance_schema.* TO 'tranship'@'%';
