-- What Tranship needs on a source. Replace `shop` by the schema of the tables to move.
CREATE USER IF NOT EXISTS 'tranship'@'%' IDENTIFIED BY RANDOM PASSWORD;

-- The binary log and its status (on MariaDB also SLAVE MONITOR); PROCESS shows foreign keys of schemas it has no rights on.
GRANT REPLICATION SLAVE, REPLICATION CLIENT, PROCESS ON *.* TO 'tranship'@'%';

-- Prepared XA transactions (MariaDB does not know this privilege, and needs none).
GRANT XA_RECOVER_ADMIN ON *.* TO 'tranship'@'%';

-- Sessions that log otherwise than new ones would.
GRANT SELECT ON performance_schema.* TO 'tranship'@'%';

-- Read rows; see triggers; rename the tables, there and back; clean-up empties the old ones in batches.
GRANT SELECT, ALTER, DROP, CREATE, INSERT, DELETE, TRIGGER ON `shop`.* TO 'tranship'@'%';
