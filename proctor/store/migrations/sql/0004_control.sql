-- A person at the wheel of a run: orders are append-only rows; the run's row says who drives now.

ALTER TABLE proctor.run
    ADD COLUMN paused_by text,
    ADD COLUMN driver text;

CREATE TABLE proctor.control (
    run_id text NOT NULL REFERENCES proctor.run,
    n integer NOT NULL,
    word text NOT NULL CHECK (word IN ('pause', 'resume', 'say', 'take_over', 'act', 'hand_back')),
    by text NOT NULL,
    text text NOT NULL DEFAULT '',
    call json,
    key text,
    at timestamptz NOT NULL,
    PRIMARY KEY (run_id, n),
    UNIQUE (run_id, key)
);

GRANT SELECT, INSERT ON proctor.control TO proctor_app;
