-- The roles that services connect as. They own nothing and cannot bypass row-level security.
-- Roles belong to the whole server: another database of it may have made them already.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['ledger_projector', 'ledger_web', 'ledger_operator'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role);
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role);
        -- So that a service can tell whether the tables are those it knows.
        EXECUTE format('GRANT SELECT ON migrations TO %I', role);
    END LOOP;
    -- The projector stages each batch in temporary tables.
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO ledger_projector', current_database());
END
$$;
