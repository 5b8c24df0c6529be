-- Tokens that no event set anything aside for count as held, as far as there is something.

ALTER TABLE chat_hours
    -- What the hour's tokens come to; 0 for those that were counted before events told it.
    ADD COLUMN price_micros bigint NOT NULL DEFAULT 0 CHECK (price_micros >= 0);

ALTER TABLE wallets
    -- What the tenant's open hours of chats cost beyond what is held for them.
    ADD COLUMN unheld_micros bigint NOT NULL DEFAULT 0 CHECK (unheld_micros >= 0);
