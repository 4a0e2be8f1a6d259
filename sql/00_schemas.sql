-- Postgres runs this script with the installation schema in the path, as a superuser mostly. Who can create in
-- that schema could else put an operator there that fits better than the server's own, and be run. An upgrade's
-- script must begin with the same line.
SET LOCAL search_path = pg_catalog, pg_temp;

-- Both schemas are created here, and not merely used, so that they are members of the extension: a
-- data API that hides extension schemas does not expose them.
CREATE SCHEMA insforge;
CREATE SCHEMA x402;

COMMENT ON SCHEMA insforge IS 'insforge_integrations: identity, row-level security, audit';
COMMENT ON SCHEMA x402 IS 'insforge_integrations: x402 payments';

-- Policies of any role call functions in these schemas. Each function has its own grants; no table in
-- them is readable by PUBLIC.
GRANT USAGE ON SCHEMA insforge, x402 TO PUBLIC;
