-- The read models of wallets and calls. Amounts are micro-dollars, times UTC milliseconds;
-- `sequence` is the place of an event in its tenant's wallet.

CREATE TABLE wallets (
    tenant_id text PRIMARY KEY,
    -- The last event folded in, and when it was recorded.
    sequence bigint NOT NULL,
    recorded_at_ms bigint NOT NULL,
    -- Null while all that is known of the tenant is that something was refused.
    opened_at_ms bigint,
    is_postpay boolean NOT NULL,
    credit_limit_micros bigint NOT NULL,
    funds_micros bigint NOT NULL CHECK (funds_micros >= 0),
    held_micros bigint NOT NULL CHECK (held_micros >= 0),
    open_holds bigint NOT NULL CHECK (open_holds >= 0),
    arrears_micros bigint NOT NULL CHECK (arrears_micros >= 0),
    credit_used_micros bigint NOT NULL
) WITH (fillfactor = 60);  -- a wallet's row moves with every batch that has an event of it

CREATE TABLE projects (
    tenant_id text NOT NULL,
    project_id text NOT NULL,
    opened_at_ms bigint NOT NULL,
    -- Nobody opened it: it came with usage or a hold.
    seen_in_passing boolean NOT NULL,
    mode text NOT NULL,
    mode_from_ms bigint NOT NULL,
    PRIMARY KEY (tenant_id, project_id)
);

CREATE TABLE holds (
    tenant_id text NOT NULL,
    -- Of the event that allowed or refused it: one id can be refused as a conflict again and again.
    sequence bigint NOT NULL,
    hold_id text NOT NULL,
    project_id text NOT NULL,
    tier text NOT NULL,
    duration_cap_ms bigint NOT NULL,
    -- OPEN, CAPTURED, VOIDED, EXPIRED or REFUSED.
    state text NOT NULL,
    means text,
    refusal text,
    -- Null where no card had a price.
    amount_micros bigint,
    recorded_at_ms bigint NOT NULL,
    expires_at_ms bigint,
    ended_at_ms bigint,
    -- The usage event that captured it.
    usage_event_id text,
    PRIMARY KEY (tenant_id, sequence)
) WITH (fillfactor = 50);

-- No index has a column that a hold's end changes: so that it stays on its page, half the cost.
CREATE INDEX holds_by_id ON holds (tenant_id, hold_id);

CREATE TABLE usage_daily (
    tenant_id text NOT NULL,
    -- The UTC day in which the usage ended.
    day date NOT NULL,
    project_id text NOT NULL,
    kind text NOT NULL,
    -- Null for kinds of usage that have none.
    outcome text,
    tier text,
    is_simulated boolean NOT NULL,
    charges bigint NOT NULL,
    overage_minutes bigint NOT NULL,
    amount_micros bigint NOT NULL,
    UNIQUE NULLS NOT DISTINCT (tenant_id, day, project_id, kind, outcome, tier, is_simulated)
) WITH (fillfactor = 60);

-- One row for every movement of a balance, and for every simulated charge, which moves none.
CREATE TABLE movements (
    generation text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    -- An event can move more than one thing: arrears of several charges.
    line integer NOT NULL,
    tenant_id text NOT NULL,
    sequence bigint NOT NULL,
    event_id text NOT NULL,
    occurred_at_ms bigint NOT NULL,
    recorded_at_ms bigint NOT NULL,
    actor text NOT NULL,
    -- TOP_UP, GRANT, ADJUSTMENT, CALL or ARREARS_COLLECTED.
    kind text NOT NULL,
    -- What the balance (funds less credit used) changed by, and what it was then.
    movement_micros bigint NOT NULL,
    balance_after_micros bigint NOT NULL,
    -- What the movement is about: for a charge its price, of which `arrears_micros` stayed owed.
    amount_micros bigint NOT NULL,
    arrears_micros bigint NOT NULL,
    is_simulated boolean NOT NULL,
    reason text,
    payment_id text,
    usage_event_id text,
    -- Of arrears collected: the charge they were owed for.
    charge_event_id text,
    project_id text,
    call_id text,
    tier text,
    outcome text,
    card_id text,
    card_version integer,
    -- What the card priced: line, quantity, amount_micros of each.
    lines jsonb,
    -- The time is here because a partitioned table asks for it; an offset has only one.
    UNIQUE (generation, partition, log_offset, line, recorded_at_ms)
) PARTITION BY RANGE (recorded_at_ms);

-- In this order a page of history reads the newest months first and stops when it is full.
CREATE INDEX movements_history ON movements (tenant_id, recorded_at_ms, sequence, line);

-- A month's part of `movements`, made by whoever meets the month first. The projector owns no
-- table, so this runs as the owner; it finds its own schema because a rebuilt one is renamed.
CREATE FUNCTION add_movements_month(first_day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me oid;
    home text;
    part text;
BEGIN
    ASSERT first_day = date_trunc('month', first_day);
    GET DIAGNOSTICS me = PG_ROUTINE_OID;
    SELECT nspname INTO home
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE pg_proc.oid = me;
    part := format('%I.%I', home, 'movements_' || to_char(first_day, 'YYYY_MM'));
    PERFORM pg_advisory_xact_lock(me::bigint);
    IF to_regclass(part) IS NULL THEN
        -- Attached instead of created as a part: readers and writers of other months go on.
        EXECUTE format('CREATE TABLE %s (LIKE %I.movements)', part, home);
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', part);
        EXECUTE format(
            'ALTER TABLE %I.movements ATTACH PARTITION %s FOR VALUES FROM (%s) TO (%s)',
            home,
            part,
            (extract(epoch FROM first_day) * 1000)::bigint,
            (extract(epoch FROM first_day + interval '1 month') * 1000)::bigint
        );
    END IF;
END
$$;
REVOKE ALL ON FUNCTION add_movements_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_movements_month TO ledger_projector;

-- How far the log is folded in. One row for all models of a partition: they move together,
-- because a hold's end, a wallet's figures and a running balance are read from one another.
CREATE TABLE checkpoints (
    model text NOT NULL,
    generation text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    -- Another id is another log, whatever its offsets say.
    cluster_id text NOT NULL,
    topic_id text NOT NULL,
    PRIMARY KEY (model, generation, partition)
) WITH (fillfactor = 10);

GRANT SELECT, INSERT, UPDATE ON wallets, projects, holds, usage_daily, movements, checkpoints
    TO ledger_projector;
GRANT SELECT ON wallets, projects, holds, usage_daily, movements, checkpoints TO ledger_operator;
GRANT SELECT ON wallets, projects, holds, usage_daily, movements TO ledger_web;

DO $$
DECLARE
    model text;
BEGIN
    FOREACH model IN ARRAY
        ARRAY['wallets', 'projects', 'holds', 'usage_daily', 'movements', 'checkpoints']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', model);
        EXECUTE format(
            'CREATE POLICY writes_all ON %I TO ledger_projector USING (true)', model);
        EXECUTE format(
            'CREATE POLICY reads_all ON %I FOR SELECT TO ledger_operator USING (true)', model);
    END LOOP;
    FOREACH model IN ARRAY ARRAY['wallets', 'projects', 'holds', 'usage_daily', 'movements'] LOOP
        -- With no tenant set there is no row: nothing equals null, and no tenant is called ''.
        EXECUTE format(
            'CREATE POLICY reads_own ON %I FOR SELECT TO ledger_web'
            ' USING (tenant_id = current_setting(''app.tenant_id'', true))', model);
    END LOOP;
END
$$;
