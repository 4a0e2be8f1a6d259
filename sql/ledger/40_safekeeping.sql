-- pg_dump leaves the rows of an extension's tables out unless told otherwise.
SELECT pg_catalog.pg_extension_config_dump('x402.authorizations', '');
SELECT pg_catalog.pg_extension_config_dump('x402.queue', '');
SELECT pg_catalog.pg_extension_config_dump('x402.events', '');
SELECT pg_catalog.pg_extension_config_dump('x402.events_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('x402.lease_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('x402.vouched_assets', '');
SELECT pg_catalog.pg_extension_config_dump('x402.settings', '');
SELECT pg_catalog.pg_extension_config_dump('x402.scan_cursors', '');
