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
-- the charge that a reversal or a write-off is about, too; `arrears_micros` is by how much more is owed
-- since, and below 0 where something was collected, given up or reversed.
ALTER TABLE movements
    -- The usage event that a new charge replaces.
    ADD COLUMN corrects text,
    ADD COLUMN crawl_id text,
    -- Of chats: the hour whose tokens were charged.
    ADD COLUMN hour_started_at_ms bigint,
    ADD COLUMN undone_event_id text,
    -- Its kind: CreditGranted, BalanceAdjusted or ArrearsWrittenOff.
    ADD COLUMN undone_type text,
    -- What the movement is made of: unspent payments, other funds, and credit used.
    ADD COLUMN paid_micros bigint NOT NULL DEFAULT 0,
    ADD COLUMN unpaid_micros bigint NOT NULL DEFAULT 0,
    ADD COLUMN credit_micros bigint NOT NULL DEFAULT 0;

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

-- The books by month: what each account of a tenant was debited and credited with.
CREATE TABLE account_months (
    tenant_id text NOT NULL,
    -- The first day of the UTC month in which it was recorded.
    month date NOT NULL,
    account text NOT NULL,
    debit_micros bigint NOT NULL,
    credit_micros bigint NOT NULL,
    PRIMARY KEY (tenant_id, month, account)
) WITH (fillfactor = 60);

-- The double-entry journal: a movement's postings, whose amounts (debits positive) add up to zero.
CREATE VIEW journal WITH (security_invoker = true) AS
SELECT
    tenant_id,
    sequence,
    line,
    event_id,
    occurred_at_ms,
    recorded_at_ms,
    kind,
    posting.account,
    posting.amount_micros
FROM movements
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN crawl_id IS NOT NULL THEN 'CRAWL_REVENUE'
        WHEN hour_started_at_ms IS NOT NULL THEN 'CHAT_REVENUE'
        ELSE 'CALL_REVENUE'
    END AS revenue,
    CASE kind
        WHEN 'TOP_UP' THEN 'PAYMENTS'
        WHEN 'GRANT' THEN 'GOODWILL'
        WHEN 'ADJUSTMENT' THEN 'ADJUSTMENTS'
        WHEN 'WRITE_OFF' THEN 'WRITE_OFFS'
        -- What had been written off of the charge.
        WHEN 'REVERSAL' THEN 'WRITE_OFFS'
        WHEN 'UNDO' THEN CASE undone_type
            WHEN 'CreditGranted' THEN 'GOODWILL'
            WHEN 'BalanceAdjusted' THEN 'ADJUSTMENTS'
            ELSE 'WRITE_OFFS'
        END
    END AS other,
    CASE kind
        WHEN 'REVERSAL' THEN amount_micros
        WHEN 'CALL' THEN -amount_micros
        WHEN 'CRAWL' THEN -amount_micros
        WHEN 'CHAT' THEN -amount_micros
        ELSE 0
    END AS revenue_micros
) AS told
CROSS JOIN LATERAL (
    VALUES
        ('PAID_FUNDS', -paid_micros),
        ('UNPAID_FUNDS', -unpaid_micros),
        ('CREDIT_RECEIVABLE', credit_micros),
        ('ARREARS_RECEIVABLE', arrears_micros),
        (told.revenue, told.revenue_micros),
        (
            told.other,
            paid_micros + unpaid_micros - credit_micros - arrears_micros - told.revenue_micros
        )
) AS posting (account, amount_micros)
WHERE NOT is_simulated AND posting.amount_micros <> 0;

-- Which partition prices with which version of a rate card.
CREATE TABLE adopted_cards (
    generation text NOT NULL,
    partition integer NOT NULL,
    card_id text NOT NULL,
    card_version integer NOT NULL,
    effective_from_ms bigint NOT NULL,
    recorded_at_ms bigint NOT NULL,
    PRIMARY KEY (card_id, card_version, generation, partition)
);

GRANT SELECT ON journal TO ledger_operator;
GRANT SELECT, INSERT, UPDATE ON adopted_cards TO ledger_projector;
GRANT SELECT ON adopted_cards TO ledger_operator;
GRANT SELECT, INSERT, UPDATE ON chat_hours, reviews, approvals, budgets, notices, account_months
    TO ledger_projector;
GRANT SELECT ON chat_hours, reviews, approvals, budgets, notices, account_months TO ledger_operator;
GRANT SELECT ON chat_hours, budgets, notices TO ledger_web;

DO $$
DECLARE
    model text;
BEGIN
    FOREACH model IN ARRAY ARRAY[
        'chat_hours', 'reviews', 'approvals', 'budgets', 'notices', 'account_months', 'adopted_cards'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', model);
        EXECUTE format(
            'CREATE POLICY writes_all ON %I TO ledger_projector USING (true)', model);
        EXECUTE format(
            'CREATE POLICY reads_all ON %I FOR SELECT TO ledger_operator USING (true)', model);
    END LOOP;
    -- Reviews, approvals and the books are the operators' own.
    FOREACH model IN ARRAY ARRAY['chat_hours', 'budgets', 'notices'] LOOP
        EXECUTE format(
            'CREATE POLICY reads_own ON %I FOR SELECT TO ledger_web'
            ' USING (tenant_id = current_setting(''app.tenant_id'', true))', model);
    END LOOP;
END
$$;
