-- The read models of crawls, chats, corrections, reviews, approvals, budgets and notices.

ALTER TABLE wallets
    ADD COLUMN is_frozen boolean NOT NULL DEFAULT false,
    ADD COLUMN is_closed boolean NOT NULL DEFAULT false,
    -- The tenant wants to know when the balance less arrears falls under it.
    ADD COLUMN low_line_micros bigint,
    -- The rate card that was assigned last, if any, and since when, or from when on, it prices.
    ADD COLUMN card_id text,
    ADD COLUMN card_from_ms bigint;

ALTER TABLE usage_daily
    -- Crawlers' time that cost something.
    ADD COLUMN crawler_ms bigint NOT NULL DEFAULT 0,
    ADD COLUMN input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN output_tokens bigint NOT NULL DEFAULT 0;

-- Beside the kinds there are: CRAWL, CHAT, REVERSAL, WRITE_OFF and UNDO. `charge_event_id` is now
-- the charge that a reversal or a write-off is about, too.
ALTER TABLE movements
    -- The usage event that a new charge replaces.
    ADD COLUMN corrects text,
    ADD COLUMN crawl_id text,
    -- Of chats: the hour whose tokens were charged.
    ADD COLUMN hour_started_at_ms bigint,
    ADD COLUMN undone_event_id text;

CREATE TABLE chat_hours (
    tenant_id text NOT NULL,
    project_id text NOT NULL,
    started_at_ms bigint NOT NULL,
    is_simulated boolean NOT NULL,
    card_id text NOT NULL,
    card_version integer NOT NULL,
    -- Tokens that come after their hour was charged are charged at a later close.
    closes_at_ms bigint NOT NULL,
    input_tokens bigint NOT NULL CHECK (input_tokens >= 0),
    output_tokens bigint NOT NULL CHECK (output_tokens >= 0),
    held_micros bigint NOT NULL CHECK (held_micros >= 0),
    -- Null while they are not charged.
    charged_at_ms bigint,
    PRIMARY KEY (
        tenant_id, started_at_ms, project_id, closes_at_ms, is_simulated, card_id, card_version
    )
) WITH (fillfactor = 60);

CREATE INDEX chat_hours_open ON chat_hours (tenant_id, closes_at_ms) WHERE charged_at_ms IS NULL;

CREATE TABLE reviews (
    tenant_id text NOT NULL,
    -- The id of the event that held it.
    review_id text NOT NULL,
    sequence bigint NOT NULL,
    recorded_at_ms bigint NOT NULL,
    reason text NOT NULL,
    -- The kind of usage, what it says of itself, and all of its fields as JSON.
    usage_type text NOT NULL,
    usage_event_id text NOT NULL,
    project_id text NOT NULL,
    happened_at_ms bigint NOT NULL,
    corrects text,
    withdrawn boolean NOT NULL,
    facts text NOT NULL,
    -- OPEN, ACCEPTED or REJECTED.
    state text NOT NULL,
    decided_at_ms bigint,
    decided_by text,
    decided_because text,
    PRIMARY KEY (tenant_id, review_id)
);

CREATE INDEX reviews_by_time ON reviews (recorded_at_ms, review_id);
CREATE INDEX reviews_open ON reviews (recorded_at_ms, review_id) WHERE state = 'OPEN';

CREATE TABLE approvals (
    tenant_id text NOT NULL,
    -- The id of the event that asked for it.
    approval_id text NOT NULL,
    recorded_at_ms bigint NOT NULL,
    command_id text NOT NULL,
    command text NOT NULL,
    amount_micros bigint NOT NULL,
    asked_by text NOT NULL,
    reason text NOT NULL,
    -- OPEN, APPROVED or DECLINED.
    state text NOT NULL,
    decided_at_ms bigint,
    decided_by text,
    decided_because text,
    PRIMARY KEY (tenant_id, approval_id)
);

CREATE INDEX approvals_by_time ON approvals (recorded_at_ms, approval_id);

CREATE TABLE budgets (
    tenant_id text NOT NULL,
    -- Empty: of all projects together.
    project_id text NOT NULL,
    -- Null once it was taken off.
    limit_micros bigint,
    is_refusing boolean NOT NULL,
    set_at_ms bigint NOT NULL,
    -- The highest line that was told of, and when: it counts for that month.
    told_percent integer NOT NULL,
    told_at_ms bigint,
    PRIMARY KEY (tenant_id, project_id)
);

CREATE TABLE notices (
    tenant_id text NOT NULL,
    sequence bigint NOT NULL,
    event_id text NOT NULL,
    recorded_at_ms bigint NOT NULL,
    -- BUDGET_LINE or LOW_BALANCE.
    kind text NOT NULL,
    project_id text,
    percent integer,
    limit_micros bigint NOT NULL,
    reached_micros bigint NOT NULL,
    PRIMARY KEY (tenant_id, sequence)
);

GRANT SELECT, INSERT, UPDATE ON chat_hours, reviews, approvals, budgets, notices
    TO ledger_projector;
GRANT SELECT ON chat_hours, reviews, approvals, budgets, notices TO ledger_operator;
GRANT SELECT ON chat_hours, budgets, notices TO ledger_web;

DO $$
DECLARE
    model text;
BEGIN
    FOREACH model IN ARRAY ARRAY['chat_hours', 'reviews', 'approvals', 'budgets', 'notices'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', model);
        EXECUTE format(
            'CREATE POLICY writes_all ON %I TO ledger_projector USING (true)', model);
        EXECUTE format(
            'CREATE POLICY reads_all ON %I FOR SELECT TO ledger_operator USING (true)', model);
    END LOOP;
    -- Reviews and approvals are the operators' own.
    FOREACH model IN ARRAY ARRAY['chat_hours', 'budgets', 'notices'] LOOP
        EXECUTE format(
            'CREATE POLICY reads_own ON %I FOR SELECT TO ledger_web'
            ' USING (tenant_id = current_setting(''app.tenant_id'', true))', model);
    END LOOP;
END
$$;
